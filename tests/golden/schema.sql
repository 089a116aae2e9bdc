CREATE TABLE dataset (
	id INTEGER NOT NULL, 
	identity VARCHAR(64) NOT NULL, 
	name TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	source_type TEXT NOT NULL, 
	source TEXT NOT NULL, 
	schema TEXT, 
	profile TEXT, 
	PRIMARY KEY (id), 
	UNIQUE (identity)
);

CREATE TABLE experiment (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR(500) NOT NULL, 
	artifact_uri TEXT NOT NULL, 
	created_at INTEGER NOT NULL, 
	updated_at INTEGER NOT NULL, 
	deleted_at INTEGER
);

CREATE UNIQUE INDEX ux_experiment_name ON experiment (name) WHERE deleted_at IS NULL;

CREATE TABLE experiment_tag (
	experiment_id INTEGER NOT NULL, 
	key_id INTEGER NOT NULL, 
	value VARCHAR(256) NOT NULL, 
	rest TEXT, 
	PRIMARY KEY (experiment_id, key_id)
)
 WITHOUT ROWID;

CREATE INDEX ix_experiment_tag ON experiment_tag (key_id, value, experiment_id);

CREATE TABLE journal (
	journal_id VARCHAR(250) NOT NULL, 
	"offset" INTEGER NOT NULL, 
	PRIMARY KEY (journal_id)
)
 WITHOUT ROWID;

CREATE TABLE "key" (
	id INTEGER NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	full_name TEXT, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);

CREATE TABLE logged_model (
	id INTEGER NOT NULL, 
	uuid VARCHAR(256) NOT NULL, 
	run_id INTEGER NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	artifact_uri TEXT NOT NULL, 
	created_at INTEGER NOT NULL, 
	updated_at INTEGER NOT NULL, 
	status VARCHAR(8) NOT NULL, 
	model_type TEXT NOT NULL, 
	step INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (uuid)
);

CREATE INDEX ix_logged_model_run ON logged_model (run_id, id);

CREATE TABLE logged_model_tag (
	model_id INTEGER NOT NULL, 
	key_id INTEGER NOT NULL, 
	value VARCHAR(256) NOT NULL, 
	rest TEXT, 
	PRIMARY KEY (model_id, key_id)
)
 WITHOUT ROWID;

CREATE INDEX ix_logged_model_tag ON logged_model_tag (key_id, value, model_id);

CREATE TABLE metric (
	run_id INTEGER NOT NULL, 
	key_id INTEGER NOT NULL, 
	n INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	ts INTEGER NOT NULL, 
	value DOUBLE, 
	bits INTEGER, 
	PRIMARY KEY (run_id, key_id)
)
 WITHOUT ROWID;

CREATE INDEX ix_metric ON metric (key_id, value, run_id);

CREATE TABLE metric_chunk (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	key_id INTEGER NOT NULL, 
	n INTEGER NOT NULL, 
	step0 INTEGER NOT NULL, 
	step1 INTEGER NOT NULL, 
	ts0 INTEGER NOT NULL, 
	ts1 INTEGER NOT NULL, 
	v0 DOUBLE, 
	v1 DOUBLE, 
	data BLOB NOT NULL, 
	PRIMARY KEY (id)
);

CREATE INDEX ix_chunk ON metric_chunk (run_id, key_id, id);

CREATE TABLE param (
	run_id INTEGER NOT NULL, 
	key_id INTEGER NOT NULL, 
	value VARCHAR(256) NOT NULL, 
	rest TEXT, 
	kind VARCHAR(8) NOT NULL, 
	number DOUBLE, 
	PRIMARY KEY (run_id, key_id)
)
 WITHOUT ROWID;

CREATE INDEX ix_param ON param (key_id, value, run_id);

CREATE INDEX ix_param_number ON param (key_id, number, run_id) WHERE number IS NOT NULL;

CREATE TABLE run (
	id INTEGER NOT NULL, 
	uuid VARCHAR(256) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	status SMALLINT NOT NULL, 
	start_time INTEGER NOT NULL, 
	end_time INTEGER, 
	deleted_at INTEGER, 
	artifact_uri TEXT NOT NULL, 
	doc TEXT, 
	PRIMARY KEY (id), 
	UNIQUE (uuid)
);

CREATE INDEX ix_run_time ON run (experiment_id, start_time, id);

CREATE TABLE run_dataset (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	dataset_id INTEGER NOT NULL, 
	context VARCHAR(255) NOT NULL, 
	tags TEXT NOT NULL, 
	PRIMARY KEY (id)
);

CREATE UNIQUE INDEX ix_run_dataset ON run_dataset (run_id, dataset_id, context);

CREATE TABLE schema_version (
	version INTEGER NOT NULL
);

CREATE TABLE tag (
	run_id INTEGER NOT NULL, 
	key_id INTEGER NOT NULL, 
	value VARCHAR(256) NOT NULL, 
	rest TEXT, 
	PRIMARY KEY (run_id, key_id)
)
 WITHOUT ROWID;

CREATE INDEX ix_tag ON tag (key_id, value, run_id);

