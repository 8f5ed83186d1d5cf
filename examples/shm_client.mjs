// Asks edged about an image that never crosses the socket; Node 18, no packages.
//
// Node cannot send file descriptors, so the memory is a POSIX shared memory object,
// registered by name: this needs the daemon's right to open it, that is, the same user
// (or a daemon that is root). Written from docs/reference/shared-memory.md.
//
//     node shm_client.mjs /run/edged/edged.sock

import fs from "node:fs";
import http from "node:http";

const socketPath = process.argv[2] ?? "/run/edged/edged.sock";
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function post(path, document) {
  const body = JSON.stringify(document);
  const headers = { "Content-Length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const request = http.request(
      { socketPath, path, method: "POST", headers, agent },
      (response) => {
        const parts = [];
        response.on("data", (part) => parts.push(part));
        response.on("end", () => {
          const text = Buffer.concat(parts).toString();
          if (response.statusCode === 200) resolve(text && JSON.parse(text));
          else reject(new Error(JSON.parse(text).error));
        });
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

// A POSIX shared memory object is a file in /dev/shm; mode 0600, as shm_open makes it.
const key = `edged-example-${process.pid}`;
const size = 4096;
const outputAt = 1024;
const file = fs.openSync(`/dev/shm/${key}`, "wx+", 0o600);
fs.ftruncateSync(file, size);

try {
  await post("/v2/systemsharedmemory/region/frames/register", { key, byte_size: size });

  // A one, drawn by hand: two columns of ink.
  const image = Float32Array.from({ length: 64 }, (_, p) => (p % 8 === 3 || p % 8 === 4 ? 1 : 0));
  fs.writeSync(file, image, 0, image.byteLength, 0);

  const inMemory = (offset, bytes) => ({
    shared_memory_region: "frames",
    shared_memory_offset: offset,
    shared_memory_byte_size: bytes,
  });
  await post("/v2/models/digits/infer", {
    inputs: [{ name: "image", datatype: "FP32", shape: [1, 1, 8, 8], parameters: inMemory(0, 256) }],
    outputs: [{ name: "probabilities", parameters: inMemory(outputAt, 40) }],
  });

  const found = new Float32Array(10);
  fs.readSync(file, found, 0, found.byteLength, outputAt);
  found.forEach((value, digit) => console.log(`${digit} ${value.toFixed(4)}`));
} finally {
  fs.unlinkSync(`/dev/shm/${key}`); // the registration keeps the memory; the name may go
  agent.destroy();
}
