"""Documents, cursors, indexes and aggregation, through pymongo."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from gridfs import GridFSBucket
from pymongo import ASCENDING, DESCENDING, ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError, CursorNotFound, DuplicateKeyError, OperationFailure
from stand_in import Database, Mongo

MIB = 1024 * 1024


def test_documents_are_inserted_found_updated_and_deleted(database: Database) -> None:
    runs = database.runs
    assert runs.insert_one({"_id": 1, "rider": "Ana", "turns": 3}).inserted_id == 1
    assert runs.update_one({"_id": 1}, {"$inc": {"turns": 2}}).modified_count == 1
    assert runs.find_one({"turns": {"$gte": 5}}) == {"_id": 1, "rider": "Ana", "turns": 5}
    assert runs.replace_one({"_id": 1}, {"rider": "Bea"}).modified_count == 1
    assert runs.delete_one({"rider": "Bea"}).deleted_count == 1
    assert runs.count_documents({}) == 0


def test_every_type_comes_back_as_it_went(database: Database) -> None:
    document = {
        "_id": ObjectId(),
        "date": datetime(2024, 2, 29, 12, 30, 15, 123000, tzinfo=timezone.utc),
        "before_1970": datetime(1901, 1, 1, tzinfo=timezone.utc),
        "int": 7,
        "long": Int64(7),
        "double": 7.0,
        "decimal": Decimal128(Decimal("1.10")),
        "uuid": Binary.from_uuid(uuid.uuid4()),
        "bytes": b"\0\xff",
        "text": "é\U0001f3c2",
        "nothing": None,
        "flag": False,
        "nested": {"list": [1, [2, {"three": 3}]], "empty": {}},
        "pattern": Regex("^a", "i"),
        "code": Code("x"),
        "timestamp": Timestamp(1, 2),
        "ends": [MinKey(), MaxKey()],
    }
    database.t.insert_one(document)
    found = database.t.with_options(codec_options=database.codec_options.with_options(tz_aware=True)).find_one()
    assert found == document
    assert {key: type(value) for key, value in found.items()} == {key: type(value) for key, value in document.items()}


@pytest.mark.parametrize("sort", [None, [("n", DESCENDING)]], ids=["in natural order", "sorted"])
def test_a_thousand_documents_come_through_cursors(database: Database, sort: list[tuple[str, int]] | None) -> None:
    database.c.insert_many({"_id": i, "n": i % 7} for i in range(1000))
    found = [document["_id"] for document in database.c.find(batch_size=37, sort=sort)]
    assert sorted(found) == list(range(1000))


def test_a_cursor_goes_on_over_another_connection(mongo: Mongo, database: Database) -> None:
    database.c.insert_many({"_id": i} for i in range(10))
    first = database.command("find", "c", batchSize=4, sort={"_id": 1})["cursor"]
    other = mongo.client()[database.name]
    second = other.command("getMore", Int64(first["id"]), collection="c", batchSize=100)["cursor"]
    assert [document["_id"] for document in first["firstBatch"] + second["nextBatch"]] == list(range(10))
    assert second["id"] == 0


def test_a_killed_cursor_is_gone(database: Database) -> None:
    database.c.insert_many({"_id": i} for i in range(10))
    cursor_id = Int64(database.command("find", "c", batchSize=4, sort={"_id": 1})["cursor"]["id"])
    assert database.command("killCursors", "c", cursors=[cursor_id, Int64(5)])["cursorsKilled"] == [cursor_id]
    with pytest.raises(CursorNotFound):
        database.command("getMore", cursor_id, collection="c")


def test_sort_skip_limit_and_projection(database: Database) -> None:
    database.c.insert_many({"_id": i, "a": -i, "b": 1} for i in range(20))
    page = database.c.find({}, {"a": 1}).sort("a", ASCENDING).skip(5).limit(3)
    assert list(page) == [{"_id": 14, "a": -14}, {"_id": 13, "a": -13}, {"_id": 12, "a": -12}]


def test_aggregation_matches_groups_and_sorts(database: Database) -> None:
    database.c.insert_many({"rider": "abc"[i % 3], "n": i} for i in range(9))
    pipeline: list[dict[str, Any]] = [
        {"$match": {"n": {"$gt": 0}}},
        {"$group": {"_id": "$rider", "sum": {"$sum": "$n"}, "best": {"$max": "$n"}}},
        {"$sort": {"sum": -1}},
    ]
    assert list(database.c.aggregate(pipeline)) == [
        {"_id": "c", "sum": 15, "best": 8},
        {"_id": "b", "sum": 12, "best": 7},
        {"_id": "a", "sum": 9, "best": 6},
    ]


def test_a_join_and_an_output_collection(database: Database) -> None:
    database.riders.insert_one({"_id": "a", "name": "Ana"})
    database.runs.insert_many([{"_id": 1, "rider": "a"}, {"_id": 2, "rider": "a"}])
    lookup = {"from": "runs", "localField": "_id", "foreignField": "rider", "as": "runs"}
    database.riders.aggregate([{"$lookup": lookup}, {"$out": "joined"}])
    assert [len(rider["runs"]) for rider in database.joined.find()] == [2]


def test_a_unique_index_refuses_a_second_one(database: Database) -> None:
    assert database.c.create_index("email", unique=True) == "email_1"
    database.c.insert_one({"email": "a"})
    with pytest.raises(DuplicateKeyError, match=r"E11000 duplicate key error collection: .* index: email_1") as refused:
        database.c.insert_one({"email": "a"})
    assert refused.value.code == 11000
    with pytest.raises(DuplicateKeyError):
        database.c.find_one_and_update({"_id": 9}, {"$set": {"email": "a"}}, upsert=True)


def test_an_unordered_insert_goes_on_after_an_error(database: Database) -> None:
    with pytest.raises(BulkWriteError) as failed:
        database.c.insert_many([{"_id": 1}, {"_id": 1}, {"_id": 2}], ordered=False)
    assert failed.value.details["nInserted"] == 2
    assert [(error["index"], error["code"]) for error in failed.value.details["writeErrors"]] == [(1, 11000)]


def test_indexes_are_listed_and_dropped(database: Database) -> None:
    database.c.create_index([("a", ASCENDING), ("b", DESCENDING)], name="pair")
    assert set(database.c.index_information()) == {"_id_", "pair"}
    database.c.drop_index("pair")
    assert set(database.c.index_information()) == {"_id_"}
    with pytest.raises(OperationFailure) as failed:
        database.c.drop_index("pair")
    assert failed.value.code == 27


def test_find_and_update_inserts_what_is_missing(database: Database) -> None:
    found = database.c.find_one_and_update(
        {"_id": "x"}, {"$set": {"n": 1}}, upsert=True, return_document=ReturnDocument.AFTER
    )
    assert found == {"_id": "x", "n": 1}
    assert database.c.find_one_and_delete({"_id": "x"}) == {"_id": "x", "n": 1}


def test_a_bulk_of_updates(database: Database) -> None:
    database.c.insert_many({"_id": i, "n": 0} for i in range(500))
    done = database.c.bulk_write([UpdateOne({"_id": i}, {"$set": {"n": i}}) for i in range(500)])
    assert (done.matched_count, done.modified_count) == (500, 499)


def test_a_photo_of_nine_mebibytes(database: Database) -> None:
    photo = bytes(range(256)) * (9 * MIB // 256)
    database.photos.insert_one({"_id": 1, "photo": photo})
    assert [document["photo"] for document in database.photos.find()] == [photo]


def test_a_file_of_twenty_mebibytes_in_pieces(database: Database) -> None:
    content = bytes(range(256)) * (20 * MIB // 256)
    files = GridFSBucket(database)
    assert files.open_download_stream(files.upload_from_stream("photo", content)).read() == content


def test_documents_expire(database: Database) -> None:
    database.c.create_index("at", expireAfterSeconds=60)
    assert database.c.index_information()["at_1"]["expireAfterSeconds"] == 60


def test_an_error_in_a_query_is_the_servers_own(database: Database) -> None:
    with pytest.raises(OperationFailure, match="unknown top level operator") as failed:
        database.c.find_one({"$fly": 1})
    assert failed.value.code == 2


def test_a_time_limit_ends_a_slow_query(database: Database) -> None:
    database.c.insert_many({"_id": i} for i in range(2000))
    square = {"$lookup": {"from": "c", "localField": "a", "foreignField": "b", "as": "all"}}
    with pytest.raises(OperationFailure) as failed:
        list(database.c.aggregate([square, {"$unwind": "$all"}, {"$count": "n"}], maxTimeMS=5))
    assert failed.value.code == 50


def test_unacknowledged_writes_arrive(mongo: Mongo, database: Database) -> None:
    client = mongo.client(w=0, maxPoolSize=1)
    client[database.name].c.insert_one({"_id": 1})
    client.admin.command("ping")  # over the same connection: answered after the write
    assert database.c.find_one() == {"_id": 1}


def test_twenty_clients_at_once(mongo: Mongo, database: Database) -> None:
    start = threading.Barrier(20)

    def work(number: int) -> int:
        runs = mongo.client()[database.name].runs
        start.wait()
        for i in range(25):
            runs.insert_one({"client": number, "i": i})
            runs.update_one({"_id": "sum"}, {"$inc": {"n": 1}}, upsert=True)
        return runs.count_documents({"client": number})

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(work, range(20))) == [25] * 20
    assert database.runs.find_one({"_id": "sum"}) == {"_id": "sum", "n": 500}


def test_databases_and_collections_are_listed_measured_and_dropped(database: Database) -> None:
    database.create_collection("made")
    database.other.insert_one({})
    assert set(database.list_collection_names()) == {"made", "other"}
    assert database.name in database.client.list_database_names()
    assert database.command("dbStats")["collections"] == 2
    assert database.command("collStats", "other")["count"] == 1
    database.drop_collection("made")
    assert database.list_collection_names() == ["other"]
    database.client.drop_database(database.name)
    assert database.name not in database.client.list_database_names()
