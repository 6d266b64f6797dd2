// The client for JavaScript: the same tour. Arguments: most seconds of a pause, a film, a picture.
import fs from "node:fs";
import { createRequire } from "node:module";

const [most, film, face, modules] = process.argv.slice(2);
const { TwelveLabs } = createRequire(modules + "/")("twelvelabs-js");
const URL = "https://example.org/lebron_dunks.mp4";

let pauses = 0;
const reallyLater = globalThis.setTimeout;
globalThis.setTimeout = (act, ms, ...rest) => {
  // The loops pause for five seconds; other timers are of the network.
  const pause = ms === 5000;
  pauses += pause;
  return reallyLater(act, pause ? Math.min(ms, most * 1000) : ms, ...rest);
};
function taken() {
  const count = pauses;
  pauses = 0;
  return count;
}

async function all(pager) {
  const rows = [];
  for await (const row of await pager) rows.push(row);
  return rows;
}

async function indexed(client) {
  const models = [{ modelName: "marengo3.0", modelOptions: ["visual", "audio"] }];
  const index = (await client.indexes.create({ indexName: "tour", models, addons: ["thumbnail"] })).id;
  const task = await client.tasks.create({ indexId: index, videoUrl: URL });
  const done = await client.tasks.waitForDone(task.id);
  const shown = { done: done.status, pauses: taken(), sameId: task.id === task.videoId };
  let asset = await client.assets.create({ method: "direct", file: fs.createReadStream(film) });
  while (asset.status === "processing") {
    await new Promise((done) => setTimeout(done, 5000));
    asset = await client.assets.retrieve(asset.id);
  }
  shown.asset = [asset.status, taken()];
  const member = await client.indexes.indexedAssets.create(index, { assetId: asset.id });
  let status = "pending";
  while (status !== "ready") {
    await new Promise((done) => setTimeout(done, 5000));
    status = (await client.indexes.indexedAssets.retrieve(index, member.id)).status;
  }
  shown.member = taken();
  shown.videos = (await all(client.indexes.videos.list(index))).length;
  return [index, shown];
}

async function searched(client, indexId) {
  const asked = { indexId, searchOptions: ["visual"] };
  const picture = { queryMediaType: "image", queryMediaFile: fs.createReadStream(face) };
  return {
    clips: (await all(client.search.query({ ...asked, queryText: "dunks" }))).length,
    groups: (await all(client.search.query({ ...asked, queryText: "dunks", groupBy: "video" }))).length,
    byPicture: (await all(client.search.query({ ...asked, ...picture }))).length > 0,
  };
}

async function embedded(client) {
  const task = await client.embed.tasks.create({ modelName: "marengo3.0", videoUrl: URL });
  const done = await client.embed.tasks.waitForDone(task.id);
  const text = await client.embed.create({ modelName: "marengo3.0", text: "a dunk" });
  const part = { inputType: "text", modelName: "marengo3.0", text: { inputText: "a dunk" } };
  const second = await client.embed.v2.create(part);
  return {
    done: done.status,
    pauses: taken(),
    length: text.textEmbedding.segments[0].float.length,
    second: second.data[0].embedding.length,
  };
}

async function analyzed(client) {
  const asked = { video: { type: "url", url: URL }, modelName: "pegasus1.5", prompt: "What happens?" };
  const whole = await client.analyze(asked);
  let text = "";
  for await (const event of await client.analyzeStream(asked)) text += event.text ?? "";
  return { text: whole.data.length > 0, same: text === whole.data };
}

async function shownBy(client) {
  const assetIds = [];
  for (const n of [0, 1, 2]) {
    assetIds.push((await client.assets.create({ method: "url", url: `https://example.org/${n}.jpg` })).id);
  }
  const collection = await client.entityCollections.create({ name: "people" });
  const entity = await client.entityCollections.entities.create(collection.id, { name: "Somebody", assetIds });
  return { assets: entity.assetIds.length, status: entity.status };
}

const client = new TwelveLabs({ apiKey: "any" });
const [index, shown] = await indexed(client);
const seen = {
  index: shown,
  search: await searched(client, index),
  embed: await embedded(client),
  analyze: await analyzed(client),
  entities: await shownBy(client),
};
await client.indexes.delete(index);
console.log(JSON.stringify({ ...seen, left: (await all(client.indexes.list())).length }));
