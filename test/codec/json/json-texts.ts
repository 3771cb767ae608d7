import { readFileSync } from 'node:fs'

interface JsonTexts {
  /** Bits of a double as 16 hexadecimal digits, its `repr()`, and what `json.dumps` makes of it. */
  readonly floats: readonly (readonly [bits: string, repr: string, json: string])[]
  readonly halves: readonly (readonly [bits: number, json: string])[]
  readonly strings: readonly (readonly [text: string, json: string])[]
}

/** What Python wrote (test/fixtures/python/json_texts.py). */
export const jsonTexts: JsonTexts = JSON.parse(
  readFileSync(new URL('../../fixtures/python/json-texts.json', import.meta.url), 'utf8'),
)
