-- What the firmware of a node was last seen to hold.
CREATE TABLE bios_settings (
    node_uuid TEXT NOT NULL REFERENCES nodes (uuid) ON DELETE CASCADE,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER,
    body TEXT NOT NULL,
    PRIMARY KEY (node_uuid, name)
);
