// Made from collections.py by `python -m datadir.mongodb.init_js`; a test compares.
// Run it with `mongosh "$MONGODB_URL" init.js`, as often as you like. The program does the same at each start; this is
// for a user of the program that may not create collections.

const there = new Set(db.getCollectionNames());

function collection(name, validator, indexes) {
  const change = there.has(name) ? { collMod: name, validator } : { create: name, validator };
  const made = db.runCommand(change);
  if (!made.ok) throw new Error(`${name}: ${made.errmsg}`);
  const indexed = db.runCommand({ createIndexes: name, indexes });
  if (!indexed.ok) throw new Error(`${name}: ${indexed.errmsg}`);
}

collection("transcripts", {
  "$jsonSchema": {
    "bsonType": "object",
    "required": ["meeting_id", "classroom_id", "segments", "full_text", "word_count", "duration_seconds", "language", "created_at"],
    "properties": {
      "meeting_id": {"bsonType": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
      "classroom_id": {"bsonType": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
      "segments": {
        "bsonType": "array",
        "items": {
          "bsonType": "object",
          "required": ["speaker_name", "start_time", "end_time", "text"],
          "properties": {
            "speaker_id": {
              "anyOf": [{"bsonType": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"}, {"bsonType": "null"}]
            },
            "speaker_name": {"bsonType": "string"},
            "start_time": {"bsonType": ["int", "long", "double"], "minimum": 0},
            "end_time": {"bsonType": ["int", "long", "double"], "minimum": 0},
            "text": {"bsonType": "string"},
            "confidence": {"bsonType": ["int", "long", "double", "null"], "minimum": 0, "maximum": 1}
          }
        }
      },
      "full_text": {"bsonType": "string"},
      "word_count": {"bsonType": ["int", "long"], "minimum": 0},
      "duration_seconds": {"bsonType": ["int", "long"], "minimum": 0},
      "language": {"bsonType": "string"},
      "created_at": {"bsonType": "date"}
    }
  }
}, [
  {"key": {"meeting_id": 1}, "name": "one_per_meeting", "unique": true},
  {"key": {"classroom_id": 1, "created_at": -1}, "name": "newest_of_classroom"},
]);

collection("proctoring_reports", {
  "$jsonSchema": {
    "bsonType": "object",
    "required": ["session_id", "user_id", "assessment_id", "classroom_id", "started_at", "violations", "frame_snapshots"],
    "properties": {
      "session_id": {"bsonType": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
      "user_id": {"bsonType": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
      "assessment_id": {"bsonType": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
      "classroom_id": {"bsonType": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
      "started_at": {"bsonType": "date"},
      "violations": {
        "bsonType": "array",
        "items": {
          "bsonType": "object",
          "required": ["type", "timestamp"],
          "properties": {
            "type": {
              "enum": ["gaze_deviation", "multiple_faces", "no_face", "tab_switch", "phone", "audio", "other"]
            },
            "timestamp": {"bsonType": "date"},
            "id": {
              "bsonType": "string",
              "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
            },
            "details": {"bsonType": "object"}
          }
        }
      },
      "frame_snapshots": {
        "bsonType": "array",
        "items": {
          "bsonType": "object",
          "required": ["timestamp", "image_url"],
          "properties": {
            "timestamp": {"bsonType": "date"},
            "image_url": {"bsonType": "string"},
            "violations": {"bsonType": "array", "items": {"bsonType": "string"}}
          }
        }
      },
      "ended_at": {"bsonType": ["date", "null"]},
      "integrity_score": {"bsonType": ["int", "long", "double", "null"], "minimum": 0, "maximum": 100},
      "risk_level": {"enum": ["low", "medium", "high", null]}
    }
  }
}, [
  {"key": {"session_id": 1}, "name": "one_per_session", "unique": true},
  {"key": {"assessment_id": 1, "started_at": -1}, "name": "newest_of_assessment"},
  {"key": {"user_id": 1, "started_at": -1}, "name": "newest_of_learner"},
]);

collection("activity_logs", {
  "$jsonSchema": {
    "bsonType": "object",
    "required": ["user_id", "action", "timestamp"],
    "properties": {
      "user_id": {"bsonType": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
      "action": {"bsonType": "string"},
      "timestamp": {"bsonType": "date"},
      "resource_type": {"bsonType": ["string", "null"]},
      "resource_id": {"bsonType": ["string", "null"]},
      "metadata": {"bsonType": "object"},
      "ip_address": {"bsonType": ["string", "null"]},
      "user_agent": {"bsonType": ["string", "null"]}
    }
  }
}, [
  {"key": {"user_id": 1, "timestamp": -1}, "name": "newest_of_learner"},
  {"key": {"action": 1}, "name": "by_action"},
  {"key": {"timestamp": 1}, "name": "expiry", "expireAfterSeconds": 7776000},
]);

collection("interaction_logs", {
  "$jsonSchema": {
    "bsonType": "object",
    "required": ["user_id", "page", "action", "timestamp"],
    "properties": {
      "user_id": {"bsonType": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
      "page": {"bsonType": "string"},
      "action": {"bsonType": "string"},
      "timestamp": {"bsonType": "date"},
      "element": {"bsonType": ["string", "null"]},
      "time_on_page_seconds": {"bsonType": ["int", "long", "double", "null"], "minimum": 0}
    }
  }
}, [
  {"key": {"user_id": 1, "timestamp": -1}, "name": "newest_of_learner"},
  {"key": {"timestamp": 1}, "name": "expiry", "expireAfterSeconds": 7776000},
]);

collection("learning_sessions", {
  "$jsonSchema": {
    "bsonType": "object",
    "required": ["user_id", "session_id", "started_at", "activities"],
    "properties": {
      "user_id": {"bsonType": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
      "session_id": {"bsonType": "string"},
      "started_at": {"bsonType": "date"},
      "activities": {
        "bsonType": "array",
        "items": {
          "bsonType": "object",
          "required": ["type", "timestamp"],
          "properties": {"type": {"bsonType": "string"}, "timestamp": {"bsonType": "date"}}
        }
      },
      "ended_at": {"bsonType": ["date", "null"]},
      "duration_minutes": {"bsonType": ["int", "long", "null"], "minimum": 0},
      "focus_score": {"bsonType": ["int", "long", "double", "null"], "minimum": 0, "maximum": 100}
    }
  }
}, [
  {"key": {"user_id": 1, "session_id": 1}, "name": "one_per_session", "unique": true},
  {"key": {"user_id": 1, "started_at": -1}, "name": "newest_of_learner"},
]);

collection("quiz_attempts", {
  "$jsonSchema": {
    "bsonType": "object",
    "required": ["user_id", "course_id", "started_at", "score", "max_score", "answers"],
    "properties": {
      "user_id": {"bsonType": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
      "course_id": {"bsonType": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
      "started_at": {"bsonType": "date"},
      "score": {"bsonType": ["int", "long", "double"], "minimum": 0},
      "max_score": {"bsonType": ["int", "long", "double"], "minimum": 0},
      "answers": {
        "bsonType": "array",
        "items": {
          "bsonType": "object",
          "required": ["question_key", "value", "is_correct"],
          "properties": {
            "question_key": {"bsonType": "string"},
            "value": {"bsonType": "string"},
            "is_correct": {"bsonType": "bool"},
            "points": {"bsonType": ["int", "long", "double"], "minimum": 0}
          }
        }
      },
      "finished_at": {"bsonType": ["date", "null"]}
    }
  }
}, [
  {"key": {"user_id": 1, "started_at": -1}, "name": "newest_of_learner"},
  {"key": {"course_id": 1, "started_at": -1}, "name": "newest_of_course"},
]);

collection("ai_conversations", {
  "$jsonSchema": {
    "bsonType": "object",
    "required": ["session_id", "user_id", "messages", "created_at", "updated_at"],
    "properties": {
      "session_id": {"bsonType": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
      "user_id": {"bsonType": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
      "messages": {
        "bsonType": "array",
        "items": {
          "bsonType": "object",
          "required": ["id", "role", "content", "timestamp"],
          "properties": {
            "id": {
              "bsonType": "string",
              "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
            },
            "role": {"enum": ["user", "assistant", "system"]},
            "content": {"bsonType": "string"},
            "timestamp": {"bsonType": "date"},
            "citations": {
              "bsonType": "array",
              "items": {
                "bsonType": "string",
                "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
              }
            }
          }
        }
      },
      "created_at": {"bsonType": "date"},
      "updated_at": {"bsonType": "date"}
    }
  }
}, [
  {"key": {"session_id": 1}, "name": "one_per_session", "unique": true},
  {"key": {"user_id": 1, "updated_at": -1}, "name": "newest_of_learner"},
]);
