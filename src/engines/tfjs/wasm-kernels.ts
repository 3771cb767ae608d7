import {
  _FusedMatMul,
  add,
  Einsum,
  elu,
  FusedConv2D,
  FusedDepthwiseConv2D,
  getKernel,
  Identity,
  type KernelConfig,
  type KernelFunc,
  leakyRelu,
  matMul,
  prelu,
  registerKernel,
  relu,
  relu6,
  sigmoid,
  type Tensor,
  type TensorInfo,
  tidy,
  unregisterKernel,
  util,
} from '@tensorflow/tfjs-core'
import { einsum } from './einsum.ts'

/** What the kernels below use of the backend (tfjs-backend-wasm/src/backend_wasm.ts). */
interface WasmBackend {
  readonly dataIdMap: { get(dataId: object): { shape: readonly number[] } | undefined }
  incRef(dataId: object): void
}

const BACKEND = 'wasm'

/**
 * Registers kernels that the wasm backend 4.22 lacks or has wrong, made of those it has: Einsum (attention),
 * _FusedMatMul with a bias that is no vector (LSTM graphs), with transposed operands or batches; fused convolutions with a bias that is one but for its
 * dimensions of 1 (convolutions of Keras 3), Identity that shares its data (GRU of Keras 3).
 */
export function registerMissingKernels(): void {
  replace(Einsum, () => einsumKernel)
  replace(Identity, () => identityKernel)
  replace(_FusedMatMul, (stock) => fusedMatMulKernel(withBiasAsVector(stock)))
  replace(FusedConv2D, withBiasAsVector)
  replace(FusedDepthwiseConv2D, withBiasAsVector)
}

function replace(kernelName: string, make: (stock: KernelFunc) => KernelFunc): void {
  const stock: KernelConfig | undefined = getKernel(kernelName, BACKEND)
  // Registering a second one would warn on the console.
  if (stock !== undefined) unregisterKernel(kernelName, BACKEND)
  const missing: KernelFunc = () => {
    throw new Error(`Kernel '${kernelName}' not registered for backend '${BACKEND}'`)
  }
  const kernelFunc = make(stock?.kernelFunc ?? missing)
  registerKernel({ ...stock, kernelName, backendName: BACKEND, kernelFunc })
}

const einsumKernel: KernelFunc = ({ inputs, attrs }) => {
  const operands = Object.values(inputs) as Tensor[]
  return tidy(() => einsum(String(attrs?.equation), operands))
}

/** The stock kernel copies, into an output that the same op may have disposed of: sharing is what other backends do. */
const identityKernel: KernelFunc = ({ inputs, backend }) => {
  const x = inputs.x as TensorInfo
  const { incRef } = backend as WasmBackend
  incRef.call(backend, x.dataId)
  return { dataId: x.dataId, shape: x.shape, dtype: x.dtype }
}

/**
 * The stock kernel adds a vector, and adds it to the wrong elements unless it multiplies one plain matrix by another
 * (its path without XNNPACK does). Everything else is added by an op of its own, before the activation.
 */
function fusedMatMulKernel(stock: KernelFunc): KernelFunc {
  return (call) => {
    const { a, b, bias, preluActivationWeights } = call.inputs
    const { transposeA, transposeB, activation, leakyreluAlpha } = call.attrs ?? {}
    const isPlain = !transposeA && !transposeB && a?.shape[0] === 1 && b?.shape[0] === 1
    if (bias === undefined || (isPlain && isVector(bias))) return stock(call)
    return tidy(() => {
      const product = matMul(a as Tensor, b as Tensor, Boolean(transposeA), Boolean(transposeB))
      const sum = add(product, bias as Tensor)
      return activate(sum, String(activation), preluActivationWeights as Tensor, leakyreluAlpha)
    })
  }
}

/**
 * Fused kernels refuse a bias unless it was written as a vector at first: that of a Keras 3 convolution is
 * [1, 1, 1, n]. They read nothing but the record's shape, so the record is brought up to date.
 */
function withBiasAsVector(stock: KernelFunc): KernelFunc {
  return (call) => {
    const { bias } = call.inputs
    if (bias === undefined || !isVector(bias)) return stock(call)
    const record = (call.backend as WasmBackend).dataIdMap.get(bias.dataId)
    const shape = [bias.shape.at(-1) ?? 1]
    if (record !== undefined) record.shape = shape
    return stock({ ...call, inputs: { ...call.inputs, bias: { ...bias, shape } } })
  }
}

/** Whether it is one but for dimensions of 1 before its last. */
function isVector({ shape }: TensorInfo): boolean {
  return util.sizeFromShape(shape) === shape.at(-1)
}

/** Activations of tfjs-core/src/ops/fused_types.ts. */
function activate(x: Tensor, name: string, alpha: Tensor | undefined, leak: unknown): Tensor {
  switch (name) {
    case 'linear':
      return x
    case 'relu':
      return relu(x)
    case 'relu6':
      return relu6(x)
    case 'elu':
      return elu(x)
    case 'sigmoid':
      return sigmoid(x)
    case 'leakyrelu':
      return leakyRelu(x, Number(leak))
    case 'prelu':
      if (alpha !== undefined) return prelu(x, alpha)
  }
  throw new Error(`Kernel '_FusedMatMul' not registered for backend 'wasm' with ${name}`)
}
