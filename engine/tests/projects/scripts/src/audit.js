const write = async (exograph, line) => {
  await exograph.executeQuery("mutation ($line: String!) { createLog(data: {line: $line}) { id } }", { line });
};

export function guard(operation, caller) {
  if (caller.role !== "staff") throw new ExographError(`${operation.name()} is for staff`);
}

export async function first(operation, exograph) {
  const { name, arguments: given, subfields, alias } = operation.query();
  const below = subfields.map((field) => (field.alias ? `${field.alias}=` : "") + field.name).join("+");
  await write(exograph, `before ${alias}/${name} ${given.data.isbn} ${below}`);
  if (given.data.isbn === "forbidden") throw new ExographError("no such book, please");
}

export async function inner(operation, exograph) {
  await write(exograph, "inner in");
  const result = await operation.proceed();
  await write(exograph, `inner out ${result.title}`);
  return { ...result, title: `<${result.title}>` };
}

export async function outer(operation, exograph) {
  await write(exograph, "outer in");
  const result = await operation.proceed();
  await write(exograph, `outer out ${result.title}`);
  return { ...result, title: `[${result.title}]` };
}

export async function last(operation, exograph) {
  await write(exograph, `after ${operation.name()}`);
  return "ignored";
}

export async function shout(operation) {
  const book = await operation.proceed();
  if (book === null) return '{"title": "raw body"}';
  return { ...book, title: book.title.toUpperCase() };
}

let calls = 0;
let cache = new Map();
export async function cached(operation) {
  const key = JSON.stringify(operation.query().arguments);
  calls += 1;
  if (!cache.has(key)) cache.set(key, await operation.proceed());
  return cache.get(key);
}

export function refuse() {
  throw new ExographError("never updated");
}

export async function through(operation) {
  return await operation.proceed();
}
