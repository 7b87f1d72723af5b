// SPDX-License-Identifier: Apache-2.0
// Node's http module. argv: URL, JSON {"bodies": […], "pauses": […], "timeout": ms, "linger": s}.
"use strict";
const http = require("http");
const [url, text] = process.argv.slice(2);
const plan = JSON.parse(text);
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const say = (...words) => console.log((Date.now() / 1000).toFixed(3), "node:", ...words);
const sleep = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

function post(body) {
  return new Promise((done) => {
    const headers = { "Content-Type": "application/x-www-form-urlencoded", "Content-Length": body.length };
    const request = http.request(url, { method: "POST", agent, headers }, (response) => {
      let answer = "";
      response.on("data", (data) => (answer += data));
      response.on("error", (error) => { say("response", error.code || "", error.message); done(); });
      response.on("end", () => { say(response.statusCode, answer.slice(0, 60)); done(); });
    });
    request.on("error", (error) => { say(error.code || "", error.message); done(); });
    if (plan.timeout) request.setTimeout(plan.timeout, () => request.destroy(new Error("timeout")));
    request.end(body);
  });
}

(async () => {
  for (let i = 0; i < plan.bodies.length; ++i) {
    await post(plan.bodies[i]);
    if (plan.pauses && plan.pauses[i]) await sleep(plan.pauses[i]);
  }
  await sleep(plan.linger || 0);
  agent.destroy();
})();
