-- Addresses promised to machines. No reference to nodes: an address stays its machine's, enrolled
-- or not, until it is given to another.
CREATE TABLE dhcp_leases (
    address TEXT COLLATE "C" PRIMARY KEY,
    mac TEXT COLLATE "C" NOT NULL UNIQUE,
    node_uuid TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL
);
