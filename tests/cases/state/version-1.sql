BEGIN TRANSACTION;
CREATE TABLE reconciler_intents (
	seq INTEGER NOT NULL, 
	stack TEXT NOT NULL, 
	op TEXT NOT NULL, 
	run TEXT NOT NULL, 
	address TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	verb TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	look_for TEXT NOT NULL, 
	PRIMARY KEY (seq), 
	UNIQUE (stack, op)
);
INSERT INTO "reconciler_intents" VALUES(1,'sports','op1','run1','assets/other','Asset','create','dddddddd','{"listed":true,"natural":{},"not":[],"parent_id":null,"size":null,"stamp":{"content":null,"key":"assets/other","stack":"sports"}}');
CREATE TABLE reconciler_locks (
	stack TEXT NOT NULL, 
	who TEXT NOT NULL, 
	host TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	since TEXT NOT NULL, 
	command TEXT NOT NULL, 
	PRIMARY KEY (stack)
);
CREATE TABLE reconciler_resources (
	stack TEXT NOT NULL, 
	address TEXT NOT NULL, 
	id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	fields TEXT NOT NULL, 
	parent_id TEXT, 
	protect BOOLEAN NOT NULL, 
	deposed BOOLEAN NOT NULL, 
	PRIMARY KEY (stack, address, id)
);
INSERT INTO "reconciler_resources" VALUES('sports','assets/final','a1','Asset','{"file":"final.mp4","metadata":{"season":2024}}',NULL,0,0);
INSERT INTO "reconciler_resources" VALUES('sports','indexes/catalog','i1','Index','{"name":"catalog"}',NULL,1,0);
CREATE TABLE reconciler_runs (
	stack TEXT NOT NULL, 
	run TEXT NOT NULL, 
	command TEXT NOT NULL, 
	who TEXT NOT NULL, 
	host TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	started TEXT NOT NULL, 
	ended TEXT, 
	result TEXT, 
	PRIMARY KEY (stack, run)
);
INSERT INTO "reconciler_runs" VALUES('sports','20261101T120000Z-b9df918a','reconciler apply .','ann','laptop',4711,'2026-11-01T12:00:00.000+00:00','2026-11-01T12:00:00.000+00:00','done');
INSERT INTO "reconciler_runs" VALUES('cut-short','20261101T120000Z-4a627e05','reconciler apply .','ann','laptop',4711,'2026-11-01T12:00:00.000+00:00','2026-11-01T12:00:00.000+00:00','failed');
CREATE TABLE reconciler_schema (
	version INTEGER NOT NULL
);
INSERT INTO "reconciler_schema" VALUES(1);
CREATE TABLE reconciler_uploads (
	stack TEXT NOT NULL, 
	upload_id TEXT NOT NULL, 
	asset_id TEXT NOT NULL, 
	address TEXT NOT NULL, 
	content TEXT NOT NULL, 
	path TEXT NOT NULL, 
	size_bytes INTEGER NOT NULL, 
	mtime_ns INTEGER NOT NULL, 
	chunk_size INTEGER NOT NULL, 
	total_chunks INTEGER NOT NULL, 
	headers TEXT NOT NULL, 
	proofs TEXT NOT NULL, 
	expires_at TEXT NOT NULL, 
	PRIMARY KEY (stack, upload_id)
);
CREATE UNIQUE INDEX reconciler_resources_current ON reconciler_resources (stack, address) WHERE NOT deposed;
COMMIT;
