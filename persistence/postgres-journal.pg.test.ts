import { describeJournal } from '../actors/journal-conformance.ts'
import { postgresHarness } from '../test/support/journal-harness.ts'

describeJournal('the journal in Postgres', () => postgresHarness())
