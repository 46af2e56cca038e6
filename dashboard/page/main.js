/**
 * The operators' page: the cluster as it is this second. The token is in this tab's sessionStorage alone; a link may bring one
 * in its fragment, which no server sees, and which is taken out of the address at once.
 */
import { h, render } from './preact.js'
import { openFeed } from './feed.js'
import { apply } from './model.js'
import { Page, SignIn } from './view.js'

const storageKey = 'shardpay.operator-token'
const root = /** @type {HTMLElement} */ (document.getElementById('root'))

/** @type {import('./view.js').PageState} */
let state = { model: undefined, connected: false, staleSeconds: 0, chosen: undefined }
let heardAt = performance.now()
/** @type {(() => void) | undefined} */
let endFeed

function draw() {
  render(h(Page, { state, choose, signOut }), root)
}

/** @param {Partial<import('./view.js').PageState>} change */
function update(change) {
  state = { ...state, ...change, staleSeconds: (performance.now() - heardAt) / 1_000 }
  draw()
}

/** @param {number} shard */
function choose(shard) {
  update({ chosen: shard })
}

/** @param {boolean} refused */
function askForToken(refused) {
  endFeed?.()
  endFeed = undefined
  sessionStorage.removeItem(storageKey)
  state = { ...state, model: undefined, connected: false }
  render(h(SignIn, { refused, signIn }), root)
  document.getElementById('token')?.focus()
}

function signOut() {
  askForToken(false)
}

/** @param {string} token */
function signIn(token) {
  sessionStorage.setItem(storageKey, token)
  heardAt = performance.now()
  draw()
  endFeed = openFeed(token, {
    message(message) {
      heardAt = performance.now()
      update({ model: apply(state.model, message), connected: true })
    },
    lost: () => update({ connected: false }),
    refused: () => askForToken(true),
  })
}

// how stale it is goes on while nothing is heard
window.setInterval(() => {
  if (endFeed !== undefined) update({})
}, 500)

const given = new URLSearchParams(location.hash.slice(1)).get('token')
if (given !== null) history.replaceState(null, '', location.pathname)
const token = given ?? sessionStorage.getItem(storageKey)
if (token === null) askForToken(false)
else signIn(token)
