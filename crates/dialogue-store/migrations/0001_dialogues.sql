-- Moments are whole milliseconds since the Unix epoch; attributes are JSON objects.

CREATE TABLE dialogues (
    key        INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    title      TEXT,
    model      TEXT,
    assistant  TEXT,
    attributes TEXT    NOT NULL,
    turns      INTEGER NOT NULL
) STRICT;

CREATE INDEX dialogues_by_creation ON dialogues (created_at, id);

CREATE TABLE tags (
    dialogue INTEGER NOT NULL REFERENCES dialogues (key) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    tag      TEXT    NOT NULL,
    PRIMARY KEY (dialogue, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX tags_by_tag ON tags (tag, dialogue);

CREATE TABLE turns (
    key             INTEGER PRIMARY KEY,
    dialogue        INTEGER NOT NULL REFERENCES dialogues (key) ON DELETE CASCADE,
    position        INTEGER NOT NULL,
    speaker         TEXT    NOT NULL,
    text            TEXT    NOT NULL,
    at              INTEGER NOT NULL,
    model           TEXT,
    sentiment       TEXT,
    sentiment_score REAL,
    rating          TEXT,
    correction      TEXT,
    rater           TEXT,
    reason          TEXT,
    rated_at        INTEGER,
    attributes      TEXT    NOT NULL,
    UNIQUE (dialogue, position)
) STRICT;

CREATE INDEX turns_by_rating ON turns (rating, dialogue) WHERE rating IS NOT NULL;
CREATE INDEX turns_by_sentiment ON turns (dialogue, position) WHERE sentiment IS NOT NULL;
