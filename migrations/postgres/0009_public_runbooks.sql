-- Which runbooks everybody may see, for lists of those who may not see all. What the rows that are there
-- say of it is sealed: the service fills it in when it starts.
ALTER TABLE runbooks ADD COLUMN public BIGINT;
