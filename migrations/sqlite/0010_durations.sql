-- How long phases and steps took, one row for each that was completed. The id is that of the event
-- that tells of the end; no reference to nodes: what was measured outlives them.
CREATE TABLE durations (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    resource_class TEXT,
    driver TEXT,
    phase TEXT NOT NULL,
    step TEXT,
    milliseconds INTEGER NOT NULL
);
CREATE INDEX durations_by_at ON durations (at);
