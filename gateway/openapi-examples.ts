/**
 * The examples that the document of the API shows. They are no prose: fixtures/openapi-examples.json is what a run of these
 * requests against a whole node answered, and a test runs them again and compares (`npx vitest -u` writes it anew).
 */
import stored from './fixtures/openapi-examples.json' with { type: 'json' }

export interface Example {
  /** Unique. */
  readonly name: string
  readonly operationId: string
  readonly summary: string
  readonly request: {
    readonly method: 'GET' | 'POST'
    readonly path: string
    readonly headers: Readonly<Record<string, string>>
    readonly body?: unknown
  }
  readonly status: number
  /** Absent where the answer has no body. */
  readonly response?: unknown
}

export const examples = stored as readonly Example[]
