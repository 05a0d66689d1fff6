import limits from "./limits.json" assert { type: "json" };

const PER_REQUEST = limits.seats;

export function limited(operation, auth) {
  const { data, request } = operation.query().arguments;
  const seats = request?.seats ?? data?.seats ?? 0;
  if (seats > PER_REQUEST && auth.role !== "staff") throw new ExographError(`At most ${PER_REQUEST} seats`);
}

export async function seatsLeft(exograph, operation) {
  const { request } = operation.query().arguments;
  const { ordersAgg } = await exograph.executeQuery(
    "query ($id: Uuid!) { ordersAgg(where: {event: {id: {eq: $id}}}) { seats { sum } } }",
    { id: request.eventId },
  );
  if ((ordersAgg.seats.sum ?? 0) + request.seats > 20) throw new ExographError("Sold out");
}

export async function redact(operation) {
  const { arguments: given, alias, name, subfields } = operation.query();
  const result = await operation.proceed();
  return { alias, name, given: Object.keys(given).sort(), below: subfields.length, result };
}

export async function twice(operation) {
  const first = await operation.proceed();
  const second = await operation.proceed();
  return JSON.stringify(first) === JSON.stringify(second) ? first : null;
}

export async function rescue(operation, exograph) {
  try {
    return await operation.proceed();
  } catch (error) {
    if (operation.query().arguments.data.text.includes("\\")) throw error;
    const { createNotes } = await exograph.executeQuery('mutation { createNotes(data: [{text: "rescued"}]) { id text } }');
    return createNotes[0];
  }
}

export async function outerNote(operation) {
  const result = await operation.proceed();
  const marked = (note) => ({ ...note, text: `[${note.text}]` });
  return Array.isArray(result) ? result.map(marked) : marked(result);
}

export async function atMostTwo(operation, exograph) {
  const { notesAgg } = await exograph.executeQuery("{ notesAgg { id { count } } }");
  if (notesAgg.id.count > 2) throw new ExographError("Two notes are enough");
  return "ignored";
}

export const skip = () => ({ id: { count: -1 } });

export const polite = async (operation) => `${await operation.proceed()}!`;

let traced = [];
export async function trace(operation, exograph, auth) {
  traced.push(`${operation.name()} ${auth.role ?? "nobody"} ${auth.tenant}`);
  exograph.addResponseHeader("X-Trace", operation.name());
}
