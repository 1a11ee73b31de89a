package caregate
