import { ServingError } from '../errors.ts'

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const STRING_OR_BARE_FLOAT = /"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g
// A text that no MLmodel holds: NUL is no legal character of YAML.
const BARE_FLOAT = '\\u0000float:'

/**
 * Parses the JSON that Python wrote: NaN, Infinity and -Infinity may stand bare, as defaults of params do.
 * @throws ServingError MODEL_INVALID when the text is not JSON.
 */
export function parseSchemaJson(text: unknown, field: string): unknown {
  if (typeof text !== 'string') {
    throw new ServingError('MODEL_INVALID', `Expected signature.${field} to be a string of JSON`)
  }
  const strict = text.replace(STRING_OR_BARE_FLOAT, (token) =>
    token.startsWith('"') ? token : `"${BARE_FLOAT}${token}"`,
  )
  try {
    return JSON.parse(strict, (_key, value) =>
      typeof value === 'string' && value.startsWith('\0float:') ? Number(value.slice(7)) : value,
    )
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ServingError('MODEL_INVALID', `signature.${field} is not valid JSON: ${reason}`, {
      cause,
    })
  }
}
