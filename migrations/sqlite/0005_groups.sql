-- What groups nodes and ports, and what ties nodes to storage networks. The body of a volume target
-- may hold credentials: it is sealed as a whole.
CREATE TABLE chassis (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER,
    body TEXT NOT NULL
);
CREATE INDEX nodes_by_chassis ON nodes (chassis_uuid);

CREATE TABLE portgroups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid TEXT NOT NULL UNIQUE,
    node_uuid TEXT NOT NULL REFERENCES nodes (uuid) ON DELETE CASCADE,
    address TEXT UNIQUE,
    name TEXT UNIQUE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER,
    body TEXT NOT NULL
);
CREATE INDEX portgroups_by_node ON portgroups (node_uuid);
ALTER TABLE ports ADD COLUMN portgroup_uuid TEXT REFERENCES portgroups (uuid);
CREATE INDEX ports_by_portgroup ON ports (portgroup_uuid);

CREATE TABLE volume_connectors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid TEXT NOT NULL UNIQUE,
    node_uuid TEXT NOT NULL REFERENCES nodes (uuid) ON DELETE CASCADE,
    type TEXT NOT NULL,
    connector_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER,
    body TEXT NOT NULL,
    UNIQUE (type, connector_id)
);
CREATE INDEX volume_connectors_by_node ON volume_connectors (node_uuid);

CREATE TABLE volume_targets (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid TEXT NOT NULL UNIQUE,
    node_uuid TEXT NOT NULL REFERENCES nodes (uuid) ON DELETE CASCADE,
    boot_index INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER,
    body TEXT NOT NULL,
    UNIQUE (node_uuid, boot_index)
);
