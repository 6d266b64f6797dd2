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
INSERT INTO "reconciler_intents" VALUES(1,'create','857d5736a4fb9a75','20261127T211040Z-8ea9750b','assets/a','Asset','create','fed7ce3cbf18df20','{"listed":true,"natural":{},"not":[],"parent_id":null,"size":null,"stamp":{"content":"url:0e06dca0234da29358bb3b0f700b1473b459642abac60b6542eacee7feb1521f","key":"assets/a","stack":"create","stack_id":"1fa599191495ef54"}}');
INSERT INTO "reconciler_intents" VALUES(2,'natural','f9f5ae89a3d1ffc1','20261127T211040Z-e538ff56','indexes/i','Index','create','bfc68e7ffb74fd40','{"listed":false,"natural":{"name":{"$salt":"9d5d605069fafddc","$sha256":"5bbaeff5ca94bfd60c100f16179190c0b7d8945756a4568510fe408e465ce73e"}},"not":[],"parent_id":null,"size":null,"stamp":null}');
INSERT INTO "reconciler_intents" VALUES(3,'bare','354fefa396722e65','20261127T211040Z-7fdcd717','assets/a','Asset','create','ed25d1739567701c','{"listed":true,"natural":{"filename":"a.mp4"},"not":[],"parent_id":null,"size":3,"stamp":null}');
INSERT INTO "reconciler_intents" VALUES(4,'bulk','41f1c1007dd29912','20261127T211040Z-29079fce','entity_collections/c/entities/a','Entity','create','9f5f71c851e926ae','{"listed":true,"natural":{"name":"a"},"not":[],"parent_id":"9328a9dc66caf8eb870451eb","size":null,"stamp":{"content":null,"key":"entity_collections/c/entities/a","stack":"bulk","stack_id":"ba7fb20d7237a61a"}}');
INSERT INTO "reconciler_intents" VALUES(5,'bulk','51405300103a2c30','20261127T211040Z-29079fce','entity_collections/c/entities/b','Entity','create','ebc9adfd306cbfdd','{"listed":true,"natural":{"name":"b"},"not":[],"parent_id":"9328a9dc66caf8eb870451eb","size":null,"stamp":{"content":null,"key":"entity_collections/c/entities/b","stack":"bulk","stack_id":"ba7fb20d7237a61a"}}');
INSERT INTO "reconciler_intents" VALUES(6,'link','a1e5fe19c152f234','20261127T211040Z-78fbb614','entity_collections/c/entities/a','Entity','link','7bbbabced9a91fe4','{"fields":["assets"]}');
INSERT INTO "reconciler_intents" VALUES(7,'unlink','e60e4c3578ec5845','20261127T211040Z-eb811585','entity_collections/c/entities/a','Entity','unlink','0e737b9ac967d1f7','{"fields":["assets"]}');
INSERT INTO "reconciler_intents" VALUES(8,'update','35d4ba7de4ec39c7','20261127T211041Z-09ee0967','assets/a','Asset','update','51f8504a15b5a3ff','{"fields":["metadata"]}');
INSERT INTO "reconciler_intents" VALUES(9,'aside','4172a0159f6c51aa','20261127T211041Z-9036edb9','indexes/i','Index','aside','bb41a5b657dc571e','{"fields":["name"]}');
INSERT INTO "reconciler_intents" VALUES(10,'replaced','1ea6ef3777576dca','20261127T211041Z-b73f1c66','indexes/i','Index','delete','209b63b658edb16f','{"id":"ef134f2a180ba05de91ab32d","parent_id":null}');
INSERT INTO "reconciler_intents" VALUES(11,'delete','c9d1c6a16388c1f4','20261127T211041Z-5dc5216d','assets/b','Asset','delete','b2e78e012192441d','{"id":"9328a9dc66caf8eb870451eb","parent_id":null}');
INSERT INTO "reconciler_intents" VALUES(12,'forget','938abc42dcc7c440','20261127T211041Z-f50f0d81','assets/b','Asset','forget','be24cbd0b4a9a7a5','{"id":"9328a9dc66caf8eb870451eb","parent_id":null}');
INSERT INTO "reconciler_intents" VALUES(13,'upload','f328ad4b0d455285','20261127T211041Z-ecb2eb1d','assets/big','Asset','create','04d2184b5cdf4578','{"listed":true,"natural":{},"not":[],"parent_id":null,"size":10040,"stamp":{"content":"596978f46685ad54f9b61472cbd91490b1c8a9ce5ab31a897ba9d5470795ace2","key":"assets/big","stack":"upload","stack_id":"9600f118a034f79f"}}');
CREATE TABLE reconciler_locks (
	stack TEXT NOT NULL, 
	who TEXT NOT NULL, 
	host TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	since TEXT NOT NULL, 
	command TEXT NOT NULL, 
	token INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY (stack)
);
INSERT INTO "reconciler_locks" VALUES('create','','studio',4711,'2026-11-27T21:10:40.436+00:00','test',1);
INSERT INTO "reconciler_locks" VALUES('natural','','studio',4711,'2026-11-27T21:10:40.492+00:00','test',1);
INSERT INTO "reconciler_locks" VALUES('bare','','studio',4711,'2026-11-27T21:10:40.600+00:00','test',1);
INSERT INTO "reconciler_locks" VALUES('bulk','','studio',4711,'2026-11-27T21:10:40.699+00:00','test',1);
INSERT INTO "reconciler_locks" VALUES('link','','studio',4711,'2026-11-27T21:10:40.846+00:00','test',2);
INSERT INTO "reconciler_locks" VALUES('unlink','','studio',4711,'2026-11-27T21:10:40.952+00:00','test',2);
INSERT INTO "reconciler_locks" VALUES('update','','studio',4711,'2026-11-27T21:10:41.039+00:00','test',2);
INSERT INTO "reconciler_locks" VALUES('aside','','studio',4711,'2026-11-27T21:10:41.114+00:00','test',2);
INSERT INTO "reconciler_locks" VALUES('replaced','','studio',4711,'2026-11-27T21:10:41.218+00:00','test',2);
INSERT INTO "reconciler_locks" VALUES('delete','','studio',4711,'2026-11-27T21:10:41.292+00:00','test',2);
INSERT INTO "reconciler_locks" VALUES('forget','','studio',4711,'2026-11-27T21:10:41.354+00:00','test',2);
INSERT INTO "reconciler_locks" VALUES('upload','','studio',4711,'2026-11-27T21:10:41.380+00:00','test',1);
INSERT INTO "reconciler_locks" VALUES('again','','studio',4711,'2026-11-27T21:10:41.431+00:00','test',1);
CREATE TABLE reconciler_resources (
	stack TEXT NOT NULL, 
	address TEXT NOT NULL, 
	id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	fields TEXT NOT NULL, 
	parent_id TEXT, 
	protect BOOLEAN NOT NULL, 
	deposed BOOLEAN NOT NULL, 
	failures INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY (stack, address, id)
);
INSERT INTO "reconciler_resources" VALUES('bulk','assets/f','ef134f2a180ba05de91ab32d','Asset','{"content":"url:05790422fbc9ae52129cb4bbba38227f3d5a5c5121d00599d293f2025891b236","url":"https://example.com/f.jpg"}',NULL,0,0,0);
INSERT INTO "reconciler_resources" VALUES('bulk','entity_collections/c','9328a9dc66caf8eb870451eb','EntityCollection','{"name":"c"}',NULL,0,0,0);
INSERT INTO "reconciler_resources" VALUES('link','assets/f','ef134f2a180ba05de91ab32d','Asset','{"content":"url:05790422fbc9ae52129cb4bbba38227f3d5a5c5121d00599d293f2025891b236","url":"https://example.com/f.jpg"}',NULL,0,0,0);
INSERT INTO "reconciler_resources" VALUES('link','assets/g','9328a9dc66caf8eb870451eb','Asset','{"content":"url:339f4d283857fae0973e61da0918d649892edb255cd5f12d12983ba12a84dbe1","url":"https://example.com/g.jpg"}',NULL,0,0,0);
INSERT INTO "reconciler_resources" VALUES('link','entity_collections/c','76d3c2eeff0f7e9320cd69f9','EntityCollection','{"name":"c"}',NULL,0,0,0);
INSERT INTO "reconciler_resources" VALUES('link','entity_collections/c/entities/a','48f03bc9419d2b283c9d08b0','Entity','{"assets":["assets/f"],"name":"a"}','76d3c2eeff0f7e9320cd69f9',0,0,0);
INSERT INTO "reconciler_resources" VALUES('unlink','assets/f','ef134f2a180ba05de91ab32d','Asset','{"content":"url:05790422fbc9ae52129cb4bbba38227f3d5a5c5121d00599d293f2025891b236","url":"https://example.com/f.jpg"}',NULL,0,0,0);
INSERT INTO "reconciler_resources" VALUES('unlink','assets/g','9328a9dc66caf8eb870451eb','Asset','{"content":"url:339f4d283857fae0973e61da0918d649892edb255cd5f12d12983ba12a84dbe1","url":"https://example.com/g.jpg"}',NULL,0,0,0);
INSERT INTO "reconciler_resources" VALUES('unlink','entity_collections/c','76d3c2eeff0f7e9320cd69f9','EntityCollection','{"name":"c"}',NULL,0,0,0);
INSERT INTO "reconciler_resources" VALUES('unlink','entity_collections/c/entities/a','48f03bc9419d2b283c9d08b0','Entity','{"assets":["assets/f","assets/g"],"name":"a"}','76d3c2eeff0f7e9320cd69f9',0,0,0);
INSERT INTO "reconciler_resources" VALUES('update','assets/a','ef134f2a180ba05de91ab32d','Asset','{"content":"url:0e06dca0234da29358bb3b0f700b1473b459642abac60b6542eacee7feb1521f","metadata":{"x":1},"url":"https://example.com/a.mp4"}',NULL,0,0,0);
INSERT INTO "reconciler_resources" VALUES('aside','indexes/i','ef134f2a180ba05de91ab32d','Index','{"models":[{"name":"marengo3.0","options":["visual"]}],"name":"i"}',NULL,0,0,0);
INSERT INTO "reconciler_resources" VALUES('replaced','indexes/i','ef134f2a180ba05de91ab32d','Index','{"models":[{"name":"marengo3.0","options":["visual"]}],"name":"i~replaced-1ab32d"}',NULL,0,1,0);
INSERT INTO "reconciler_resources" VALUES('replaced','indexes/i','9328a9dc66caf8eb870451eb','Index','{"models":[{"name":"marengo3.0","options":["visual","audio"]}],"name":"i"}',NULL,0,0,0);
INSERT INTO "reconciler_resources" VALUES('delete','assets/a','ef134f2a180ba05de91ab32d','Asset','{"content":"url:0e06dca0234da29358bb3b0f700b1473b459642abac60b6542eacee7feb1521f","url":"https://example.com/a.mp4"}',NULL,0,0,0);
INSERT INTO "reconciler_resources" VALUES('delete','assets/b','9328a9dc66caf8eb870451eb','Asset','{"content":"url:6c8812103f8f2c6b314fa598a0cbb8a28bc0d11cc6eb91a40b68ce2732860635","url":"https://example.com/b.mp4"}',NULL,0,0,0);
INSERT INTO "reconciler_resources" VALUES('forget','assets/a','ef134f2a180ba05de91ab32d','Asset','{"content":"url:0e06dca0234da29358bb3b0f700b1473b459642abac60b6542eacee7feb1521f","url":"https://example.com/a.mp4"}',NULL,0,0,0);
INSERT INTO "reconciler_resources" VALUES('forget','assets/b','9328a9dc66caf8eb870451eb','Asset','{"content":"url:6c8812103f8f2c6b314fa598a0cbb8a28bc0d11cc6eb91a40b68ce2732860635","url":"https://example.com/b.mp4"}',NULL,0,0,0);
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
INSERT INTO "reconciler_runs" VALUES('create','20261127T211040Z-8ea9750b','test','ann','studio',4711,'2026-11-27T21:10:40.463+00:00','2026-11-27T21:10:40.474+00:00','failed');
INSERT INTO "reconciler_runs" VALUES('natural','20261127T211040Z-e538ff56','test','ann','studio',4711,'2026-11-27T21:10:40.515+00:00','2026-11-27T21:10:40.589+00:00','failed');
INSERT INTO "reconciler_runs" VALUES('bare','20261127T211040Z-7fdcd717','test','ann','studio',4711,'2026-11-27T21:10:40.647+00:00','2026-11-27T21:10:40.668+00:00','failed');
INSERT INTO "reconciler_runs" VALUES('bulk','20261127T211040Z-29079fce','test','ann','studio',4711,'2026-11-27T21:10:40.722+00:00','2026-11-27T21:10:40.774+00:00','failed');
INSERT INTO "reconciler_runs" VALUES('link','20261127T211040Z-879a7538','test','ann','studio',4711,'2026-11-27T21:10:40.808+00:00','2026-11-27T21:10:40.833+00:00','done');
INSERT INTO "reconciler_runs" VALUES('link','20261127T211040Z-78fbb614','test','ann','studio',4711,'2026-11-27T21:10:40.868+00:00','2026-11-27T21:10:40.873+00:00','failed');
INSERT INTO "reconciler_runs" VALUES('unlink','20261127T211040Z-01e5dc33','test','ann','studio',4711,'2026-11-27T21:10:40.908+00:00','2026-11-27T21:10:40.942+00:00','done');
INSERT INTO "reconciler_runs" VALUES('unlink','20261127T211040Z-eb811585','test','ann','studio',4711,'2026-11-27T21:10:40.974+00:00','2026-11-27T21:10:40.979+00:00','failed');
INSERT INTO "reconciler_runs" VALUES('update','20261127T211041Z-394f5c00','test','ann','studio',4711,'2026-11-27T21:10:41.013+00:00','2026-11-27T21:10:41.029+00:00','done');
INSERT INTO "reconciler_runs" VALUES('update','20261127T211041Z-09ee0967','test','ann','studio',4711,'2026-11-27T21:10:41.055+00:00','2026-11-27T21:10:41.060+00:00','failed');
INSERT INTO "reconciler_runs" VALUES('aside','20261127T211041Z-305cb804','test','ann','studio',4711,'2026-11-27T21:10:41.087+00:00','2026-11-27T21:10:41.102+00:00','done');
INSERT INTO "reconciler_runs" VALUES('aside','20261127T211041Z-9036edb9','test','ann','studio',4711,'2026-11-27T21:10:41.164+00:00','2026-11-27T21:10:41.169+00:00','failed');
INSERT INTO "reconciler_runs" VALUES('replaced','20261127T211041Z-b524311e','test','ann','studio',4711,'2026-11-27T21:10:41.199+00:00','2026-11-27T21:10:41.210+00:00','done');
INSERT INTO "reconciler_runs" VALUES('replaced','20261127T211041Z-b73f1c66','test','ann','studio',4711,'2026-11-27T21:10:41.232+00:00','2026-11-27T21:10:41.251+00:00','failed');
INSERT INTO "reconciler_runs" VALUES('delete','20261127T211041Z-5f40340c','test','ann','studio',4711,'2026-11-27T21:10:41.273+00:00','2026-11-27T21:10:41.285+00:00','done');
INSERT INTO "reconciler_runs" VALUES('delete','20261127T211041Z-5dc5216d','test','ann','studio',4711,'2026-11-27T21:10:41.304+00:00','2026-11-27T21:10:41.309+00:00','failed');
INSERT INTO "reconciler_runs" VALUES('forget','20261127T211041Z-f3e868b9','test','ann','studio',4711,'2026-11-27T21:10:41.333+00:00','2026-11-27T21:10:41.347+00:00','done');
INSERT INTO "reconciler_runs" VALUES('forget','20261127T211041Z-f50f0d81','test','ann','studio',4711,'2026-11-27T21:10:41.362+00:00','2026-11-27T21:10:41.366+00:00','failed');
INSERT INTO "reconciler_runs" VALUES('upload','20261127T211041Z-ecb2eb1d','test','ann','studio',4711,'2026-11-27T21:10:41.397+00:00','2026-11-27T21:10:41.418+00:00','failed');
INSERT INTO "reconciler_runs" VALUES('again','20261127T211041Z-66268919','test','ann','studio',4711,'2026-11-27T21:10:41.449+00:00','2026-11-27T21:10:41.463+00:00','failed');
CREATE TABLE reconciler_schema (
	version INTEGER NOT NULL
);
INSERT INTO "reconciler_schema" VALUES(4);
CREATE TABLE reconciler_stacks (
	stack TEXT NOT NULL, 
	id TEXT NOT NULL, 
	account TEXT, 
	place TEXT, 
	former TEXT NOT NULL, 
	rebuild BOOLEAN NOT NULL, 
	PRIMARY KEY (stack)
);
INSERT INTO "reconciler_stacks" VALUES('create','1fa599191495ef54','http://emulator#00000000',NULL,'[]',1);
INSERT INTO "reconciler_stacks" VALUES('natural','7a7dbcda7e015453','http://emulator#00000000',NULL,'[]',1);
INSERT INTO "reconciler_stacks" VALUES('bare','da4cd0cca9662c74','http://emulator#00000000',NULL,'[]',1);
INSERT INTO "reconciler_stacks" VALUES('bulk','ba7fb20d7237a61a','http://emulator#00000000',NULL,'[]',1);
INSERT INTO "reconciler_stacks" VALUES('link','f0765bcbb4e2cc69','http://emulator#00000000',NULL,'[]',0);
INSERT INTO "reconciler_stacks" VALUES('unlink','356c7d10170395e7','http://emulator#00000000',NULL,'[]',0);
INSERT INTO "reconciler_stacks" VALUES('update','964d5f3fedf04333','http://emulator#00000000',NULL,'[]',0);
INSERT INTO "reconciler_stacks" VALUES('aside','93aafac36fa41d20','http://emulator#00000000',NULL,'[]',0);
INSERT INTO "reconciler_stacks" VALUES('replaced','5516f1da81c0b90e','http://emulator#00000000',NULL,'[]',0);
INSERT INTO "reconciler_stacks" VALUES('delete','4f765fbebecc614f','http://emulator#00000000',NULL,'[]',0);
INSERT INTO "reconciler_stacks" VALUES('forget','efc0d15656facdda','http://emulator#00000000',NULL,'[]',0);
INSERT INTO "reconciler_stacks" VALUES('upload','9600f118a034f79f','http://emulator#00000000',NULL,'[]',1);
INSERT INTO "reconciler_stacks" VALUES('again','35fe783c4dd38dfd','http://emulator#00000000',NULL,'[]',1);
CREATE TABLE reconciler_unseen (
	stack TEXT NOT NULL, 
	id TEXT NOT NULL, 
	since TEXT NOT NULL, 
	PRIMARY KEY (stack, id)
);
INSERT INTO "reconciler_unseen" VALUES('bulk','ef134f2a180ba05de91ab32d','2026-11-27T21:10:40.744+00:00');
INSERT INTO "reconciler_unseen" VALUES('bulk','9328a9dc66caf8eb870451eb','2026-11-27T21:10:40.744+00:00');
INSERT INTO "reconciler_unseen" VALUES('replaced','9328a9dc66caf8eb870451eb','2026-11-27T21:10:41.242+00:00');
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
INSERT INTO "reconciler_uploads" VALUES('upload','9328a9dc66caf8eb870451eb','ef134f2a180ba05de91ab32d','assets/big','596978f46685ad54f9b61472cbd91490b1c8a9ce5ab31a897ba9d5470795ace2','big.mp4',10040,1795813841376944435,1000,11,'{"Content-Type":"application/octet-stream"}','{"1":"a24f1e3ef66950e1327f210e3997ba2c","2":"263766fce7389779529d13a49a94cf20","3":"5d1ad847654ecdb509847627f1a85e90","4":"d4c654e2017e6ce205b316dc72db5c76"}','2026-01-02T00:00:00.002Z');
INSERT INTO "reconciler_uploads" VALUES('again','9328a9dc66caf8eb870451eb','ef134f2a180ba05de91ab32d','assets/big','596978f46685ad54f9b61472cbd91490b1c8a9ce5ab31a897ba9d5470795ace2','big.mp4',10040,1795813841425874099,1000,11,'{"Content-Type":"application/octet-stream"}','{"1":"a24f1e3ef66950e1327f210e3997ba2c","2":"263766fce7389779529d13a49a94cf20"}','2026-01-02T00:00:00.002Z');
CREATE UNIQUE INDEX reconciler_resources_current ON reconciler_resources (stack, address) WHERE NOT deposed;
COMMIT;
