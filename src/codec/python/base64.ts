import { PythonError } from './python-error.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

const VALUES: Uint8Array = new Uint8Array(128).fill(64)
for (let i = 0; i < ALPHABET.length; i++) VALUES[ALPHABET.charCodeAt(i)] = i

/**
 * Python's `base64.decodebytes`: characters outside the alphabet are passed over, and the first full padding ends it
 * (CPython Modules/binascii.c, `a2b_base64`, not strict).
 * @throws PythonError of binascii where the characters do not come to whole bytes.
 */
export function decodeBase64(text: string): Uint8Array {
  const out = new Uint8Array(Math.ceil((text.length * 3) / 4))
  let size = 0
  let place = 0
  let rest = 0
  let pads = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === PAD) {
      pads++
      if (place >= 2 && place + pads >= 4) return out.slice(0, size)
      continue
    }
    const value = VALUES[code] ?? 64
    if (value === 64) continue
    pads = 0
    if (place > 0) out[size++] = ((rest << (2 * place)) | (value >> (6 - 2 * place))) & 0xff
    rest = value
    place = (place + 1) % 4
  }
  if (place === 0) return out.slice(0, size)
  if (place > 1) throw new PythonError('Error', 'Incorrect padding')
  const characters = Math.floor(size / 3) * 4 + 1
  throw new PythonError(
    'Error',
    `Invalid base64-encoded string: number of data characters (${characters}) cannot be 1 more than a multiple of 4`,
  )
}

const PAD = 0x3d
