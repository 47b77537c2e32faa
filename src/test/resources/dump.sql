PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE albums (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  artist INTEGER NOT NULL REFERENCES artists(id) DEFERRABLE INITIALLY IMMEDIATE,
  title TEXT NOT NULL,
  title_length INTEGER GENERATED ALWAYS AS (length(title)) VIRTUAL,
  cover BLOB
);
INSERT INTO albums VALUES(1,1,'Ágætis byrjun',X'00ff10');
INSERT INTO albums VALUES(2,2,replace('Appetite; for\nDestruction','\n',char(10)),NULL);
CREATE TABLE artists (id INTEGER PRIMARY KEY, name TEXT UNIQUE COLLATE NOCASE);
INSERT INTO artists VALUES(1,'Sigur Rós');
INSERT INTO artists VALUES(2,'Guns N'' Roses');
CREATE TABLE prices (album INTEGER, country TEXT, price REAL, PRIMARY KEY (album, country)) WITHOUT ROWID;
INSERT INTO prices VALUES(1,'IS',12.5);
INSERT INTO prices VALUES(2,'US',1.0e+100);
CREATE TABLE notes (at DATETIME DEFAULT CURRENT_TIMESTAMP, note TEXT, n INTEGER, r REAL);
INSERT INTO notes VALUES('2004-02-14 07:15:00','semi;colon -- no comment /* nor this */',-9223372036854775808,0.10000000000000000555);
INSERT INTO notes VALUES(NULL,replace(replace('line one\nline two\r','\r',char(13)),'\n',char(10)),9223372036854775807,-1.5);
CREATE TABLE log (what TEXT);
ANALYZE sqlite_schema;
INSERT INTO sqlite_stat1 VALUES('notes',NULL,'2');
INSERT INTO sqlite_stat1 VALUES('prices','prices','2 1 1');
INSERT INTO sqlite_stat1 VALUES('artists','sqlite_autoindex_artists_1','2 1');
INSERT INTO sqlite_stat1 VALUES('albums','albums_by_title','1 1');
INSERT INTO sqlite_stat1 VALUES('albums',NULL,'2');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('albums',3);
CREATE INDEX albums_by_title ON albums (title) WHERE cover IS NOT NULL;
CREATE VIEW catalogue AS SELECT a.name, b.title FROM artists a JOIN albums b ON b.artist = a.id;
CREATE TRIGGER albums_logged AFTER INSERT ON albums WHEN new.artist > 0 BEGIN
  INSERT INTO log VALUES ('insert; ' || new.title);
  UPDATE log SET what = CASE WHEN what = '' THEN 'none' ELSE what END;
END;
COMMIT;
