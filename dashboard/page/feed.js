/**
 * The page's end of the feed: a ticket, a socket, and again after a while whenever it breaks. Guarantees: one socket at a time;
 * the token is sent in a header to this origin alone, and never put into an address.
 *
 * @typedef {import('../../gateway/operator/feed-messages.ts').FeedMessage} FeedMessage
 *
 * @typedef {object} FeedListener
 * @property {(message: FeedMessage) => void} message
 * @property {() => void} lost the connection broke, or did not come about; it is tried again
 * @property {() => void} refused the token does not work (any more)
 */

const retryMs = { first: 500, max: 5_000 }

/**
 * @param {string} token
 * @param {FeedListener} listener
 * @returns {() => void} ends it
 */
export function openFeed(token, listener) {
  let ended = false
  let pause = retryMs.first
  /** @type {WebSocket | undefined} */
  let socket
  /** @type {number | undefined} */
  let timer

  function again() {
    if (ended) return
    listener.lost()
    timer = window.setTimeout(() => void connect(), pause * (0.5 + Math.random()))
    pause = Math.min(pause * 2, retryMs.max)
  }

  function refused() {
    end()
    listener.refused()
  }

  async function connect() {
    let ticket
    try {
      const answer = await fetch('/ops/v1/feed-ticket', {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
        cache: 'no-store',
      })
      if (answer.status === 401 || answer.status === 403) return refused()
      if (!answer.ok) return again()
      ticket = /** @type {{ ticket: string }} */ (await answer.json()).ticket
    } catch {
      // the process is away, or starts anew: what it is shows when it answers again
      return again()
    }
    if (!ended) listen(ticket)
  }

  /** @param {string} ticket */
  function listen(ticket) {
    const address = new URL('/ops/v1/feed', location.href)
    address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:'
    socket = new WebSocket(address, ['shardpay.feed.v1', `ticket.${ticket}`])
    socket.addEventListener('message', ({ data }) => {
      if (ended) return
      pause = retryMs.first
      listener.message(/** @type {FeedMessage} */ (JSON.parse(/** @type {string} */ (data))))
    })
    // also 4401, the session's end: a new ticket says whether the token still works
    socket.addEventListener('close', again)
  }

  function end() {
    ended = true
    window.clearTimeout(timer)
    socket?.close()
  }

  void connect()
  return end
}
