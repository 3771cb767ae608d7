import type { NamedTensors } from '../model/tensor.ts'

/**
 * Buffers to hand over with `tensors` instead of copying them: those that hold nothing but tensor data.
 * A buffer of which the tensors use only a part stays: another view may still need it.
 */
export function transferList(tensors: NamedTensors): ArrayBuffer[] {
  const used = new Map<ArrayBuffer, number>()
  for (const name in tensors) {
    const data = tensors[name]?.data
    if (!ArrayBuffer.isView(data) || !(data.buffer instanceof ArrayBuffer)) continue
    used.set(data.buffer, (used.get(data.buffer) ?? 0) + data.byteLength)
  }
  const whole: ArrayBuffer[] = []
  for (const [buffer, bytes] of used) {
    if (bytes > 0 && bytes >= buffer.byteLength) whole.push(buffer)
  }
  return whole
}
