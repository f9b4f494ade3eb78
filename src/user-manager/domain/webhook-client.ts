/** A client of OAuth 2.0 that posts to the webhook of the Device Manager. */
export interface WebhookClient {
  readonly clientId: string;
  /** The sender it posts as: deliveries of one sender are told apart by their correlation identifiers. */
  readonly sender: string;
  /** The only devices it may post for; all when it names none. */
  readonly deviceIds?: readonly string[] | undefined;
}

/** What tokens of clients are for; the Device Manager takes no others at its webhook. */
export const WEBHOOK_AUDIENCE = 'vitalgate-webhook';
export const WEBHOOK_SCOPE = 'webhook';
/** Claim with the devices of a client. */
export const DEVICES_CLAIM = 'device_ids';
