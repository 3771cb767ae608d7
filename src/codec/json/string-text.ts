/** Printable ASCII without quote and backslash: what JSON writes as it is. */
const PLAIN = /^[ !#-[\]-~]*$/
const NOT_PRINTABLE_ASCII = /[^ -~]/g

/** A string as Python's `json.dumps` writes it: ASCII, the rest as `\u00e9`, surrogates one by one, DEL too. */
export function stringJson(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`
  return JSON.stringify(text).replace(NOT_PRINTABLE_ASCII, escaped)
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
}
