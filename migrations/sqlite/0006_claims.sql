-- Requests for nodes. One node is held by one allocation at the most.
CREATE TABLE allocations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid TEXT NOT NULL UNIQUE,
    name TEXT UNIQUE,
    resource_class TEXT,
    state TEXT NOT NULL,
    node_uuid TEXT UNIQUE REFERENCES nodes (uuid) ON DELETE CASCADE,
    owner TEXT,
    revision INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    updated_at INTEGER,
    body TEXT NOT NULL
);
CREATE INDEX allocations_by_state ON allocations (state);

-- Steps and actions may hold secrets in their arguments: the bodies are sealed as a whole.
CREATE TABLE runbooks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    owner TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER,
    body TEXT NOT NULL
);

CREATE TABLE inspection_rules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER,
    body TEXT NOT NULL
);
