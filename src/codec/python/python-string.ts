/** Characters that `str.isprintable` denies: controls, formats, surrogates, private, unassigned, separators but the space. */
const UNPRINTABLE = /[\p{C}\p{Z}]/u

/** Printable ASCII that needs no escape between single quotes. */
const PLAIN = /^[ -&(-[\]-~]*$/

/** `repr` of a Python string. */
export function stringRepr(text: string): string {
  if (PLAIN.test(text)) return `'${text}'`
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  let out = quote
  for (const char of text) out += char === quote ? `\\${quote}` : escapeChar(char)
  return out + quote
}

function escapeChar(char: string): string {
  if (char === '\\') return '\\\\'
  if (char === ' ' || !UNPRINTABLE.test(char)) return char
  if (char === '\n') return '\\n'
  if (char === '\r') return '\\r'
  if (char === '\t') return '\\t'
  const point = char.codePointAt(0) ?? 0
  const hex = point.toString(16)
  if (point < 0x100) return `\\x${hex.padStart(2, '0')}`
  return point < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
}

/** `repr` of Python bytes. */
export function bytesRepr(bytes: Uint8Array): string {
  const quote = bytes.includes(0x27) && !bytes.includes(0x22) ? '"' : "'"
  let out = `b${quote}`
  for (const byte of bytes) {
    const char = String.fromCharCode(byte)
    if (char === quote || char === '\\') out += `\\${char}`
    else if (byte >= 0x20 && byte < 0x7f) out += char
    else out += BYTE_ESCAPES[char] ?? `\\x${byte.toString(16).padStart(2, '0')}`
  }
  return out + quote
}

const BYTE_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }
