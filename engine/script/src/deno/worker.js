// Runs in a `deno` process: one JSON message a line, in on standard input, out on standard output. `bridge` is what
// `bridge.js` evaluates to.
(bridge) => {
  const encoder = new TextEncoder();
  const { stringify, parse } = JSON;
  const write = Deno.stdout.writeSync.bind(Deno.stdout);
  const send = (message) => {
    let bytes = encoder.encode(`${stringify(message)}\n`);
    while (bytes.length > 0) bytes = bytes.subarray(write(bytes));
  };

  let open = 0;
  let mostOpen = 0;
  const ask = (id, question) => {
    if (open >= mostOpen) return false;
    open += 1;
    send({ ask: id, ...question });
    return true;
  };
  const host = {
    query: (id, query, variables, contexts) => ask(id, { query, variables, contexts }),
    proceed: (id) => ask(id, { proceed: true }),
    header: (name, value) => send({ header: name, value }),
    done: (text) => send({ done: text }),
    fail: (kind, message, stack) => send({ fail: kind, message, stack }),
  };
  const { load, call, deliver, reset } = bridge(host);

  const inspect = Deno.inspect;
  const print = (level) => (...parts) =>
    send({ print: level, text: parts.map((part) => (typeof part === "string" ? part : inspect(part))).join(" ") });
  const log = print(1);
  Object.assign(console, { debug: print(0), trace: print(0), log, info: log, dir: log, warn: print(2), error: print(3) });
  // A failure that nobody handles is said and does not end the process with the calls of others.
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    print(3)("Uncaught (in a promise)", event.reason);
  });
  addEventListener("error", (event) => {
    event.preventDefault();
    print(3)("Uncaught", event.error);
  });

  const hear = (message) => {
    if (message.load !== undefined) {
      load(import(message.load));
    } else if (message.call !== undefined) {
      reset();
      open = 0;
      mostOpen = message.open;
      call(message.call, message.given);
    } else {
      open -= 1;
      deliver(message.answer, message.outcome, message.text);
    }
  };
  return (async () => {
    let rest = "";
    for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop();
      for (const line of lines) hear(parse(line));
    }
  })();
}
