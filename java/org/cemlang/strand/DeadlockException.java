// SPDX-License-Identifier: Apache-2.0
package org.cemlang.strand;

/**
 * Every remaining strand waits, without a deadline, for another of them. The message names each, and
 * what it waits for. They stay as they are, to be canceled or closed with their scheduler.
 */
public final class DeadlockException extends RuntimeException {
    private static final long serialVersionUID = 1;

    DeadlockException(String message) {
        super(message);
    }
}
