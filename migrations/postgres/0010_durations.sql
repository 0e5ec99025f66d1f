-- How long phases and steps took, one row for each that was completed. The id is that of the event
-- that tells of the end; no reference to nodes: what was measured outlives them.
CREATE TABLE durations (
    id BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    resource_class TEXT,
    driver TEXT,
    phase TEXT NOT NULL,
    step TEXT,
    milliseconds BIGINT NOT NULL
);
CREATE INDEX durations_by_at ON durations (at);
