import type {
  ColumnSpec,
  ColumnType,
  ParamSpec,
  PropertySpec,
  ScalarType,
  Schema,
  SchemaTensor,
} from '../../model/signature.ts'
import {
  BOOL,
  bytesType,
  DATETIME_NS,
  type Dtype,
  FLOAT32,
  FLOAT64,
  INT32,
  INT64,
  OBJECT,
  textType,
} from '../python/dtype.ts'
import { shapeText } from '../python/numpy-shape.ts'
import { stringRepr } from '../python/python-string.ts'

/** `DataType.to_numpy()` (mlflow/types/schema.py). */
export const NUMPY_TYPES: Readonly<Record<ScalarType, Dtype>> = {
  boolean: BOOL,
  integer: INT32,
  long: INT64,
  float: FLOAT32,
  double: FLOAT64,
  string: textType(0),
  binary: bytesType(0),
  datetime: DATETIME_NS,
}

/** `DataType.to_pandas()`: the dtype of a column, objects for text and binary. */
export function pandasType(type: ScalarType): Dtype {
  return type === 'string' || type === 'binary' ? OBJECT : NUMPY_TYPES[type]
}

/** `repr(schema)`: `['a': long (required), ...]`, or `[Tensor('float32', (-1, 2))]`. */
export function schemaText(schema: Schema): string {
  const entries =
    schema.kind === 'columns' ? schema.columns.map(columnText) : schema.tensors.map(tensorText)
  return `[${entries.join(', ')}]`
}

/** `repr(column spec)` */
export function columnText(column: ColumnSpec): string {
  const text = `${typeText(column.type)} (${column.required ? 'required' : 'optional'})`
  return column.name === undefined ? text : `${stringRepr(column.name)}: ${text}`
}

/** `repr(tensor spec)` */
export function tensorText(tensor: SchemaTensor): string {
  const text = `Tensor('${tensor.numpy}', ${shapeText(tensor.shape)})`
  return tensor.name === undefined ? text : `${stringRepr(tensor.name)}: ${text}`
}

/** `repr(type)` of what a column, array, object or map holds. */
export function typeText(type: ColumnType): string {
  switch (type.kind) {
    case 'scalar':
      return type.type
    case 'array':
      return `Array(${typeText(type.items)})`
    case 'object':
      return `{${type.properties.map(propertyText).join(', ')}}`
    case 'map':
      return `Map(str -> ${type.values.kind === 'scalar' ? `DataType.${type.values.type}` : typeText(type.values)})`
    case 'any':
      return 'Any'
    case 'sparkml_vector':
      return 'SparkML vector'
  }
}

function propertyText(property: PropertySpec): string {
  return `${property.name}: ${typeText(property.type)} (${property.required ? 'required' : 'optional'})`
}

/** The type's name in a schema's JSON: `long`, `array`, `object`. */
export function typeKeyword(type: ColumnType): string {
  return type.kind === 'scalar' ? type.type : type.kind
}

/** `repr(param spec)` around the text of its default. */
export function paramText(param: ParamSpec, defaultText: string): string {
  const shape = param.shape === null ? '' : ` (shape: ${shapeText(param.shape)})`
  return `${stringRepr(param.name)}: ${typeText(param.type)} (default: ${defaultText})${shape}`
}
