import { floatRepr } from '../json/float-text.ts'
import { numpyTime, timestampText } from './calendar.ts'
import type { Dtype } from './dtype.ts'
import { shortestOf } from './float-digits.ts'
import type { ValueText } from './numpy-format.ts'
import { arrayRepr, arrayText } from './numpy-print.ts'
import {
  isDict,
  item,
  NdArray,
  NOT_A_TIME,
  NumpyScalar,
  PlainObject,
  type PyObject,
  Timestamp,
} from './python-object.ts'
import { bytesRepr, stringRepr } from './python-string.ts'

const VALUE_TEXT: ValueText = { repr: pythonRepr, text: pythonText }

/** Python's `str(value)`. */
export function pythonText(value: PyObject): string {
  if (typeof value === 'string') return value
  if (value instanceof NumpyScalar) return scalarText(value)
  if (value instanceof Timestamp) return value.isMissing ? 'NaT' : zonedText(value)
  if (value instanceof PlainObject) return value.text
  if (value instanceof NdArray) {
    return value.shape.length === 0 ? pythonText(item(value, 0)) : arrayText(value, VALUE_TEXT)
  }
  return pythonRepr(value)
}

/** Python's `repr(value)`. */
export function pythonRepr(value: PyObject): string {
  if (value === null) return 'None'
  switch (typeof value) {
    case 'boolean':
      return value ? 'True' : 'False'
    case 'bigint':
      return String(value)
    case 'number':
      return floatRepr(value)
    case 'string':
      return stringRepr(value)
    default:
      return containerRepr(value)
  }
}

function containerRepr(
  value: Exclude<PyObject, null | boolean | bigint | number | string>,
): string {
  if (value instanceof Uint8Array) return bytesRepr(value)
  if (value instanceof NumpyScalar) return scalarRepr(value)
  if (value instanceof NdArray) return arrayRepr(value, VALUE_TEXT)
  if (value instanceof Timestamp) {
    return value.isMissing ? 'NaT' : `Timestamp('${zonedText(value)}')`
  }
  if (value instanceof PlainObject) return value.repr
  if (isDict(value)) {
    const items: string[] = []
    for (const [key, held] of value) items.push(`${stringRepr(key)}: ${pythonRepr(held)}`)
    return `{${items.join(', ')}}`
  }
  return `[${value.map(pythonRepr).join(', ')}]`
}

function zonedText({ count, unit, zone }: Timestamp): string {
  return timestampText(count, unit) + (zone === undefined ? '' : '+00:00')
}

function scalarText(scalar: NumpyScalar): string {
  const { dtype, value } = scalar
  if (typeof value === 'string') return value
  if (value instanceof Uint8Array) return bytesRepr(value)
  if (typeof value === 'number') return numpyFloatText(value, dtype)
  if (typeof value === 'bigint' && dtype.kind === 'M') {
    return value === NOT_A_TIME ? 'NaT' : numpyTime(value, dtype.unit ?? 'ns')
  }
  return pythonRepr(value)
}

function scalarRepr(scalar: NumpyScalar): string {
  const { dtype, value } = scalar
  if (typeof value === 'boolean') return value ? 'np.True_' : 'np.False_'
  if (typeof value === 'string') return `np.str_(${stringRepr(value)})`
  if (value instanceof Uint8Array) return `np.bytes_(${bytesRepr(value)})`
  if (dtype.kind === 'M') return `np.datetime64('${scalarText(scalar)}')`
  return `np.${dtype.name}(${scalarText(scalar)})`
}

/** A numpy float prints the shortest digits of its own precision. */
function numpyFloatText(value: number, dtype: Dtype): string {
  if (dtype.itemsize === 8 || !Number.isFinite(value)) return floatRepr(value)
  return floatRepr(shortestOf(value, dtype))
}
