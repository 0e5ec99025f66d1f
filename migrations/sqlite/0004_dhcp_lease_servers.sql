-- Which conductor's DHCP server has promised an address: several may share a pool, and none takes
-- what another has promised. A machine may have an address of each.
CREATE TABLE new_dhcp_leases (
    address TEXT PRIMARY KEY,
    mac TEXT NOT NULL,
    node_uuid TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    server TEXT NOT NULL DEFAULT '',
    UNIQUE (mac, server)
);
INSERT INTO new_dhcp_leases (address, mac, node_uuid, expires_at)
    SELECT address, mac, node_uuid, expires_at FROM dhcp_leases;
DROP TABLE dhcp_leases;
ALTER TABLE new_dhcp_leases RENAME TO dhcp_leases;
