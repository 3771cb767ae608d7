import type { SchemaTensor } from '../../model/signature.ts'
import { type Dtype, dtypeNamed, OBJECT } from '../python/dtype.ts'

/** numpy's dtype of a tensor in the signature; objects where it is one that numpy knows and Baton does not. */
export function tensorDtype(spec: SchemaTensor): Dtype {
  return dtypeNamed(spec.numpy) ?? OBJECT
}
