import type { Environment } from './backends.ts'

/** The calls of MLflow's REST API by which tests change a registry. */
export class MlflowApi {
  readonly #url: string
  readonly #headers: Readonly<Record<string, string>>

  /** @param env the environment of MLflow's clients: its user, where the server asks for one. */
  constructor(url: string, env: Environment) {
    const { MLFLOW_TRACKING_USERNAME: user, MLFLOW_TRACKING_PASSWORD: password } = env
    const basic = Buffer.from(`${user}:${password}`).toString('base64')
    this.#url = url
    this.#headers = {
      'content-type': 'application/json',
      ...(user === undefined ? {} : { authorization: `Basic ${basic}` }),
    }
  }

  async setAlias(name: string, alias: string, version: string): Promise<void> {
    await this.post('registered-models/alias', { name, alias, version })
  }

  async deleteVersion(name: string, version: string): Promise<void> {
    await this.#call('DELETE', 'model-versions/delete', { name, version })
  }

  async tagsOf(name: string, version: string): Promise<Readonly<Record<string, string>>> {
    const query = new URLSearchParams({ name, version })
    const response = await fetch(`${this.#url}/api/2.0/mlflow/model-versions/get?${query}`, {
      headers: this.#headers,
    })
    if (!response.ok) throw new Error(`model-versions/get: ${response.status}`)
    const { model_version: found } = (await response.json()) as {
      model_version: { tags?: readonly { readonly key: string; readonly value: string }[] }
    }
    return Object.fromEntries((found.tags ?? []).map(({ key, value }) => [key, value]))
  }

  async post(route: string, body: unknown): Promise<void> {
    await this.#call('POST', route, body)
  }

  async #call(method: string, route: string, body: unknown): Promise<void> {
    const response = await fetch(`${this.#url}/api/2.0/mlflow/${route}`, {
      method,
      headers: this.#headers,
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`${route}: ${response.status} ${await response.text()}`)
  }
}
