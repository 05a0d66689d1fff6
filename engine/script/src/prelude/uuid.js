// The part of the published UUID modules that scripts use: validation and random identifiers.
const NIL = "00000000-0000-0000-0000-000000000000";
const MAX = "ffffffff-ffff-ffff-ffff-ffffffffffff";
const SHAPE = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;
const validate = (id) =>
  typeof id === "string" && (SHAPE.test(id) || id === NIL || id.toLowerCase() === MAX);
const isNil = (id) => id === NIL;
const version = (id) => {
  if (!validate(id)) throw new TypeError("Invalid UUID");
  return parseInt(id.slice(14, 15), 16);
};
const random = () => crypto.randomUUID();
// In one family of modules `v4` is the generator, in the other an object: this is both.
const kind = (wanted) =>
  Object.assign(wanted === 4 ? () => random() : () => { throw new Error(`v${wanted} is not available`); }, {
    generate: () => random(),
    validate: (id) => validate(id) && version(id) === wanted,
  });
const v1 = kind(1), v3 = kind(3), v4 = kind(4), v5 = kind(5), v6 = kind(6), v7 = kind(7);
export { NIL, NIL as NIL_UUID, MAX, isNil, validate, version, v1, v3, v4, v5, v6, v7, random as generate };
export default { NIL, MAX, isNil, validate, version, v1, v3, v4, v5, v6, v7 };
