-- Which conductor's DHCP server has promised an address: several may share a pool, and none takes
-- what another has promised. A machine may have an address of each.
ALTER TABLE dhcp_leases ADD COLUMN server TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE dhcp_leases DROP CONSTRAINT dhcp_leases_mac_key;
ALTER TABLE dhcp_leases ADD CONSTRAINT dhcp_leases_mac_server_key UNIQUE (mac, server);
