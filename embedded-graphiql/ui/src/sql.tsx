// SQL with a little colour and line breaks before its big words, so that one long generated
// statement can be read. Quoted text is never broken.

import { Fragment } from "react";

const TOKEN = /('(?:[^']|'')*')|("(?:[^"]|"")*")|(\$\d+)|(\b\d+(?:\.\d+)?\b)|([A-Za-z_][A-Za-z0-9_]*)|(\s+)|(.)/gs;

const BREAK_BEFORE = new Set([
  "from", "where", "group", "order", "limit", "offset", "having", "returning", "values", "union", "left", "inner", "join", "set",
]);

const KEYWORDS = new Set([
  ...BREAK_BEFORE,
  "select", "insert", "into", "update", "delete", "with", "as", "on", "and", "or", "not", "in", "is", "null", "true", "false",
  "exists", "case", "when", "then", "else", "end", "by", "asc", "desc", "distinct", "lateral", "cross", "outer", "any", "all",
  "between", "like", "ilike", "cast", "filter", "over", "default", "conflict", "do", "nothing", "begin", "commit", "materialized",
]);

export function Sql({ text }: { text: string }) {
  const parts: { text: string; look: string }[] = [];
  // Text that already has lines is shown as it is.
  const split = !text.includes("\n");
  let previous = "";
  for (const [token, string, name, param, number, word] of text.matchAll(TOKEN)) {
    const lower = word?.toLowerCase();
    if (split && lower && BREAK_BEFORE.has(lower) && !(lower === "join" && /^(left|inner|cross)$/.test(previous))) {
      const before = parts.at(-1);
      if (before && /^\s+$/.test(before.text)) before.text = "\n";
    }
    const look = string
      ? "string"
      : name
        ? "name"
        : param
          ? "param"
          : number
            ? "number"
            : lower && KEYWORDS.has(lower)
              ? "keyword"
              : "";
    parts.push({ text: token, look });
    if (lower) previous = lower;
  }
  return (
    <code>
      {parts.map((part, index) =>
        part.look ? (
          <span key={index} className={`studio-sql-${part.look}`}>
            {part.text}
          </span>
        ) : (
          <Fragment key={index}>{part.text}</Fragment>
        ),
      )}
    </code>
  );
}
