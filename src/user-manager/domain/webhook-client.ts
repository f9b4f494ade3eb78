/** A client of OAuth 2.0 that posts to the webhook of the Device Manager. */
export interface WebhookClient {
  readonly clientId: string;
  /** The sender it posts as: deliveries of one sender are told apart by their correlation identifiers. */
  readonly sender: string;
}

/** What tokens of clients are for; the Device Manager takes no others at its webhook. */
export const WEBHOOK_AUDIENCE = 'vitalgate-webhook';
export const WEBHOOK_SCOPE = 'webhook';
