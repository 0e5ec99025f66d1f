-- Times are microseconds since 1970 (UTC), booleans 0 or 1, objects JSON text.
-- Columns that may hold secrets are sealed as a whole; see crates/backend/src/store/seal.rs.
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    text TEXT,
    number INTEGER
);

CREATE TABLE nodes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid TEXT NOT NULL UNIQUE,
    revision INTEGER NOT NULL DEFAULT 1,
    progress TEXT,
    reservation TEXT,
    traits TEXT NOT NULL DEFAULT '[]',
    created_at INTEGER NOT NULL,
    updated_at INTEGER,
    name TEXT UNIQUE,
    driver TEXT NOT NULL,
    driver_info TEXT NOT NULL,
    driver_internal_info TEXT NOT NULL,
    properties TEXT NOT NULL,
    extra TEXT NOT NULL,
    instance_info TEXT NOT NULL,
    instance_uuid TEXT UNIQUE,
    instance_name TEXT,
    chassis_uuid TEXT,
    power_state TEXT,
    target_power_state TEXT,
    provision_state TEXT NOT NULL,
    target_provision_state TEXT,
    provision_updated_at INTEGER,
    last_error TEXT,
    maintenance INTEGER NOT NULL,
    maintenance_reason TEXT,
    fault TEXT,
    console_enabled INTEGER NOT NULL,
    inspection_started_at INTEGER,
    inspection_finished_at INTEGER,
    clean_step TEXT NOT NULL,
    deploy_step TEXT NOT NULL,
    service_step TEXT NOT NULL,
    raid_config TEXT NOT NULL,
    target_raid_config TEXT NOT NULL,
    bios_interface TEXT,
    boot_interface TEXT,
    console_interface TEXT,
    deploy_interface TEXT,
    firmware_interface TEXT,
    inspect_interface TEXT,
    management_interface TEXT,
    network_interface TEXT,
    power_interface TEXT,
    raid_interface TEXT,
    rescue_interface TEXT,
    storage_interface TEXT,
    vendor_interface TEXT,
    resource_class TEXT,
    conductor_group TEXT NOT NULL,
    conductor TEXT,
    automated_clean INTEGER,
    protected INTEGER NOT NULL,
    protected_reason TEXT,
    owner TEXT,
    lessee TEXT,
    description TEXT,
    allocation_uuid TEXT,
    retired INTEGER NOT NULL,
    retired_reason TEXT,
    network_data TEXT NOT NULL,
    boot_mode TEXT,
    secure_boot INTEGER,
    shard TEXT,
    parent_node TEXT,
    disable_power_off INTEGER NOT NULL,
    health TEXT
);
CREATE INDEX nodes_by_provision_state ON nodes (provision_state);
CREATE INDEX nodes_by_reservation ON nodes (reservation);
CREATE INDEX nodes_by_parent_node ON nodes (parent_node);

CREATE TABLE ports (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid TEXT NOT NULL UNIQUE,
    node_uuid TEXT NOT NULL REFERENCES nodes (uuid) ON DELETE CASCADE,
    address TEXT NOT NULL UNIQUE,
    name TEXT UNIQUE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER,
    body TEXT NOT NULL
);
CREATE INDEX ports_by_node ON ports (node_uuid);

CREATE TABLE history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid TEXT NOT NULL UNIQUE,
    node_uuid TEXT NOT NULL REFERENCES nodes (uuid) ON DELETE CASCADE,
    body TEXT NOT NULL
);
CREATE INDEX history_by_node ON history (node_uuid, id);

CREATE TABLE inventories (
    node_uuid TEXT PRIMARY KEY REFERENCES nodes (uuid) ON DELETE CASCADE,
    inventory TEXT NOT NULL,
    plugin_data TEXT NOT NULL
);

CREATE TABLE conductors (
    hostname TEXT PRIMARY KEY,
    conductor_group TEXT NOT NULL,
    drivers TEXT NOT NULL,
    online INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);

CREATE TABLE steps (
    node_uuid TEXT NOT NULL REFERENCES nodes (uuid) ON DELETE CASCADE,
    run_id TEXT NOT NULL,
    phase TEXT NOT NULL,
    idx INTEGER NOT NULL,
    interface TEXT NOT NULL,
    step TEXT NOT NULL,
    args TEXT NOT NULL,
    priority INTEGER NOT NULL,
    state TEXT NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    message TEXT,
    PRIMARY KEY (node_uuid, idx)
);

-- No reference to nodes: the last event of a node tells that it was deleted.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    node_uuid TEXT,
    body TEXT NOT NULL
);
CREATE INDEX events_by_node ON events (node_uuid, id);
