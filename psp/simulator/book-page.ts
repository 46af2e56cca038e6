/** The simulator's first page: the end of its book and of its webhooks, newest first; of one payment where asked. No scripts. */
import type { FastifyInstance } from 'fastify'
import type { Book, BookEntry } from './book.ts'
import { escapeHtml, page } from './pages.ts'
import type { AttemptRecord } from './webhooks/log.ts'
import type { WebhookSender } from './webhooks/sender.ts'

export interface BookPageOptions {
  readonly book: Pick<Book, 'recent' | 'entriesOf'>
  readonly sender: Pick<WebhookSender, 'recent' | 'pending'>
}

const rowsMax = 200
const title = 'PSP simulator'

export function addBookPage(app: FastifyInstance, { book, sender }: BookPageOptions): void {
  app.get<{ Querystring: { payment?: unknown } }>('/', (request, reply) => {
    const { payment = '' } = request.query
    if (typeof payment !== 'string') return page(reply, 400, title, '<p>One payment at a time.</p>')
    const entries = payment === '' ? book.recent() : [...book.entriesOf(payment)].reverse().slice(0, rowsMax)
    const attempts = sender.recent().filter((attempt) => payment === '' || attempt.payment === payment)
    return page(
      reply,
      200,
      title,
      `<p>A simulated payment service provider: no money moves here. Amounts are in minor units, times are UTC.</p>
${filterForm(payment)}
<h2>Book</h2>
${bookTable(entries)}
<h2>Webhooks</h2>
<p>${sender.pending} to be delivered.</p>
${attemptTable(attempts.slice(0, rowsMax))}`,
    )
  })
}

function filterForm(payment: string): string {
  const all = payment === '' ? '' : ' <a href="/">All payments</a>'
  return `<form action="/"><label>Payment <input name="payment" size="40" value="${escapeHtml(payment)}"></label> <button>Show</button>${all}</form>`
}

function bookTable(entries: readonly BookEntry[]): string {
  const heads = ['Time', 'PSP', 'Operation', 'Effect', 'Amount', 'Status', 'Payment', 'Operation id', 'Reference']
  const rows = entries.map((entry) => [
    timeCell(entry.at),
    cell(entry.psp ?? 'stripe'),
    cell(entry.operation),
    cell(entry.effect ? 'yes' : 'no'),
    `<td class="amount">${escapeHtml(`${entry.amount ?? ''} ${entry.currency ?? ''}`)}</td>`,
    cell(entry.status),
    paymentCell(entry.payment),
    cell(entry.operation_id),
    cell(entry.psp_reference),
  ])
  return table(heads, rows, 'Nothing was asked of it yet.')
}

function attemptTable(attempts: readonly AttemptRecord[]): string {
  const heads = ['Time', 'PSP', 'Type', 'Attempt', 'Result', 'Payment', 'Message', 'Endpoint']
  const rows = attempts.map((attempt) => [
    timeCell(attempt.at),
    cell(attempt.psp),
    cell(attempt.type),
    cell(attempt.attempt === 0 ? 'copy' : String(attempt.attempt)),
    cell(attempt.result),
    paymentCell(attempt.payment),
    cell(attempt.message),
    cell(attempt.endpoint),
  ])
  return table(heads, rows, 'None was sent since this process began.')
}

function table(heads: readonly string[], rows: readonly (readonly string[])[], none: string): string {
  if (rows.length === 0) return `<p>${none}</p>`
  const head = heads.map((name) => `<th scope="col">${name}</th>`).join('')
  const body = rows.map((cells) => `<tr>${cells.join('')}</tr>`).join('\n')
  return `<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`
}

function cell(text: string | null): string {
  return `<td>${escapeHtml(text ?? '')}</td>`
}

function timeCell(at: number): string {
  return `<td class="time">${new Date(at).toISOString().slice(0, 23).replace('T', ' ')}</td>`
}

function paymentCell(payment: string | null): string {
  if (payment === null) return '<td></td>'
  return `<td><a href="/?payment=${encodeURIComponent(payment)}">${escapeHtml(payment)}</a></td>`
}
