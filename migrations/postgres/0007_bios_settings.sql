-- What the firmware of a node was last seen to hold.
CREATE TABLE bios_settings (
    node_uuid TEXT COLLATE "C" NOT NULL REFERENCES nodes (uuid) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT,
    body TEXT NOT NULL,
    PRIMARY KEY (node_uuid, name)
);
