import { Backend } from './backends.ts'

/** A Python that has MLflow: MLFLOW_PYTHON where it is set, else that of the backends. */
export async function mlflowPython(): Promise<string> {
  if (process.env.MLFLOW_PYTHON !== undefined) return process.env.MLFLOW_PYTHON
  // Only a started server says where its interpreter is.
  const server = await Backend.start('mlflow.sh')
  const python = server.env.MLFLOW_PYTHON
  await server.remove()
  if (python === undefined) throw new Error('expected MLFLOW_PYTHON of the started server')
  return python
}
