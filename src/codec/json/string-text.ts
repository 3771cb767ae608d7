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

const LINE_BYTES = 57

/** Python's `base64.encodebytes`: a newline after every 76 characters and at the end; nothing for no bytes. */
export function base64Lines(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let text = ''
  for (let at = 0; at < buffer.length; at += LINE_BYTES) {
    text += `${buffer.toString('base64', at, Math.min(at + LINE_BYTES, buffer.length))}\n`
  }
  return text
}
