-- Addresses promised to machines. No reference to nodes: an address stays its machine's, enrolled
-- or not, until it is given to another.
CREATE TABLE dhcp_leases (
    address TEXT PRIMARY KEY,
    mac TEXT NOT NULL UNIQUE,
    node_uuid TEXT NOT NULL,
    expires_at INTEGER NOT NULL
);
