import type { ColumnType, ParamSpec } from '../../model/signature.ts'
import { timestampText } from '../python/calendar.ts'
import type { PyObject } from '../python/python-object.ts'
import { pythonText } from '../python/python-text.ts'
import { paramMoment } from './param-moment.ts'

/** `str(default)` of a param, which MLflow's messages show. */
export function defaultText(spec: ParamSpec): string {
  const { type } = spec
  if (type.kind !== 'scalar' || type.type !== 'datetime') {
    return pythonText(
      typed(spec.default, spec.shape === null ? type : { kind: 'array', items: type }),
    )
  }
  if (Array.isArray(spec.default))
    return `[${spec.default.map((value) => momentText(value, true)).join(', ')}]`
  return momentText(spec.default, false)
}

/** A default read from JSON with ints and floats told apart by the param's type. */
function typed(value: unknown, type: ColumnType | undefined): PyObject {
  if (typeof value === 'number') {
    const float = type?.kind === 'scalar' && (type.type === 'double' || type.type === 'float')
    return float || !Number.isInteger(value) ? value : BigInt(value)
  }
  if (Array.isArray(value)) {
    return value.map((inner) => typed(inner, type?.kind === 'array' ? type.items : undefined))
  }
  if (typeof value === 'object' && value !== null) {
    return new Map(
      Object.entries(value).map(([key, inner]) => [key, typed(inner, innerType(type, key))]),
    )
  }
  return typeof value === 'string' || typeof value === 'boolean' ? value : null
}

function innerType(type: ColumnType | undefined, key: string): ColumnType | undefined {
  if (type?.kind === 'map') return type.values
  return type?.kind === 'object'
    ? type.properties.find((property) => property.name === key)?.type
    : undefined
}

function momentText(value: unknown, asRepr: boolean): string {
  if (typeof value !== 'string') return 'None'
  const moment = paramMoment(value)
  if (moment === undefined) return 'None'
  const text = timestampText(moment.microseconds, 'us')
  if (!asRepr) return moment.isDate ? text.slice(0, 10) : text
  const fields = text.split(/[-: .]/).map(Number)
  const kept = moment.isDate ? fields.slice(0, 3) : trimmed(fields)
  return `datetime.${moment.isDate ? 'date' : 'datetime'}(${kept.join(', ')})`
}

/** `repr(datetime)` leaves out seconds and microseconds that are zero, from the right. */
function trimmed(fields: readonly number[]): readonly number[] {
  const kept = [...fields]
  while (kept.length > 5 && kept.at(-1) === 0) kept.pop()
  return kept
}
