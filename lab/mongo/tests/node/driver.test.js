// The official Node driver against a server at MONGODB_URL, with the login in USERNAME and PASSWORD.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { Binary, MongoClient, MongoServerError, ObjectId } from "mongodb";

const { MONGODB_URL, USERNAME, PASSWORD } = process.env;
const options = { auth: { username: USERNAME, password: PASSWORD }, serverSelectionTimeoutMS: 5000 };
const client = new MongoClient(MONGODB_URL, options);
const db = client.db(`node_${process.pid}`);

before(() => client.connect());
after(async () => {
  await db.dropDatabase();
  await client.close();
});

const fails = (code) => (error) => error instanceof MongoServerError && error.code === code;

for (const authMechanism of ["SCRAM-SHA-256", "SCRAM-SHA-1"]) {
  test(`a wrong password is refused by ${authMechanism}, the right one is not`, async () => {
    const wrong = new MongoClient(MONGODB_URL, { ...options, authMechanism, auth: { username: USERNAME, password: "x" } });
    await assert.rejects(wrong.connect(), fails(18));
    await wrong.close();
    const right = await new MongoClient(MONGODB_URL, { ...options, authMechanism }).connect();
    assert.equal((await right.db("admin").command({ ping: 1 })).ok, 1);
    await right.close();
  });
}

test("without a login a query is refused", async () => {
  const nobody = new MongoClient(MONGODB_URL, { serverSelectionTimeoutMS: 5000 });
  await assert.rejects(nobody.db("x").collection("c").findOne(), fails(13));
  await nobody.close();
});

test("documents are inserted, found, updated and deleted", async () => {
  const runs = db.collection("runs");
  const { insertedId } = await runs.insertOne({ rider: "Ana", at: new Date(1_700_000_000_123) });
  const found = await runs.findOne({ _id: new ObjectId(insertedId.toHexString()) });
  assert.deepEqual(found, { _id: insertedId, rider: "Ana", at: new Date(1_700_000_000_123) });
  assert.equal((await runs.updateOne({ rider: "Ana" }, { $set: { turns: 4 } })).modifiedCount, 1);
  assert.equal((await runs.deleteOne({ turns: 4 })).deletedCount, 1);
});

test("a thousand documents come through a cursor", async () => {
  const many = db.collection("many");
  await many.insertMany(Array.from({ length: 1000 }, (_, n) => ({ _id: n, mod: n % 10 })));
  const seen = [];
  for await (const document of many.find({}, { batchSize: 64 }).sort({ _id: -1 })) seen.push(document._id);
  assert.deepEqual(seen, Array.from({ length: 1000 }, (_, n) => 999 - n));
  const page = await many.find().sort({ _id: 1 }).skip(10).limit(2).toArray();
  assert.deepEqual(page.map(({ _id }) => _id), [10, 11]);
  const groups = await many
    .aggregate([{ $match: { _id: { $lt: 100 } } }, { $group: { _id: "$mod", n: { $sum: 1 } } }, { $sort: { _id: 1 } }])
    .toArray();
  assert.deepEqual(groups[3], { _id: 3, n: 10 });
  assert.equal(groups.length, 10);
});

test("a cursor left half way is closed on the server too", async () => {
  const open = async () => (await db.admin().serverStatus()).metrics.cursor.open.total;
  const before = await open();
  const cursor = db.collection("many").find({}, { batchSize: 5 }).sort({ mod: 1 });
  await cursor.next();
  assert.equal(await open(), before + 1);
  await cursor.close();
  assert.equal(await open(), before);
});

test("a unique index refuses a second one", async () => {
  const people = db.collection("people");
  assert.equal(await people.createIndex({ email: 1 }, { unique: true }), "email_1");
  await people.insertOne({ email: "a" });
  await assert.rejects(people.insertOne({ email: "a" }), fails(11000));
});

test("findOneAndUpdate inserts what is missing", async () => {
  const found = await db
    .collection("counters")
    .findOneAndUpdate({ _id: "runs" }, { $inc: { n: 1 } }, { upsert: true, returnDocument: "after" });
  assert.deepEqual(found, { _id: "runs", n: 1 });
});

test("a photo of nine mebibytes comes back", async () => {
  const photo = randomBytes(9 * 1024 * 1024);
  await db.collection("photos").insertOne({ _id: 1, photo: new Binary(photo) });
  const found = await db.collection("photos").findOne({ _id: 1 });
  assert.ok(photo.equals(found.photo.buffer));
});

test("fifty commands at once over a pool", async () => {
  const busy = db.collection("busy");
  await Promise.all(Array.from({ length: 50 }, (_, n) => busy.insertOne({ n })));
  assert.equal(await busy.countDocuments(), 50);
  assert.equal(await busy.estimatedDocumentCount(), 50);
});
