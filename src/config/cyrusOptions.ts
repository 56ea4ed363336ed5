/**
 * The names of all options that some release of Cyrus IMAP knows, from 2.5 to 3.13 (lib/imapoptions
 * and imapd.conf(5)). An option that is neither here nor in KEYS is probably misspelt. Options with
 * a name of the administrator's in them (`partition-NAME`) are matched by their prefix.
 */
export const CYRUS_OPTIONS: ReadonlySet<string> = new Set(
  `
    @include README.md acl_admin_implies_write addressbookprefix admins admins_get_internal_seen
    afspts_localrealms afspts_mycell allowallsubscribe allowanonymouslogin allowapop allowdeleted
    allownewnews allowplaintext allowsetacl allowspecialusesubfolder allowstarttls allowusermoves
    altnamespace altprefix annotation_allow_undefined annotation_callout
    annotation_callout_disable_append annotation_db annotation_db_path annotation_definitions
    annotation_enable_legacy_commands anyoneuseracl anysievefolder aps_expiry aps_topic
    aps_topic_caldav aps_topic_carddav archive_after archive_days archive_enabled
    archive_keepflagged archive_maxsize auditlog auth_mech autocreate_acl autocreate_inbox_folders
    autocreate_post autocreate_quota autocreate_quota_messages autocreate_sieve_compiled_script
    autocreate_sieve_folders autocreate_sieve_script autocreate_sieve_script_compile
    autocreate_sieve_script_compiled autocreate_subscribe_folders
    autocreate_subscribe_sharedfolders autocreate_subscribe_sharedfolders_all autocreate_users
    autocreateinboxfolders autocreatequota autocreatequotamsg autoexpunge autosievefolders
    autosubscribe_all_sharedfolders autosubscribeinboxfolders autosubscribesharedfolders
    backup_compact_maxsize backup_compact_minsize backup_compact_work_threshold backup_db
    backup_db_path backup_keep_previous backup_retention backup_retention_days backup_staging_path
    berkeley_cachesize berkeley_locks_max berkeley_txns_max boundary_limit
    caldav_accept_invalid_rrules caldav_alarm_db_path caldav_alarm_support_components
    caldav_alarm_suppress_file caldav_allowattach caldav_allowcalendaradmin caldav_allowscheduling
    caldav_create_attach caldav_create_default caldav_create_sched caldav_historical_age
    caldav_maxdatetime caldav_mindatetime caldav_realm calendar_component_set
    calendar_default_displayname calendar_minimum_alarm_interval calendar_suppress_duplicate_alarms
    calendar_user_address_set calendarprefix carddav_allowaddmember carddav_allowaddressbookadmin
    carddav_realm carddav_repair_vcard caringo_hostname caringo_port chatty client_bind
    client_bind_name client_timeout commandmintimer configdirectory conversations
    conversations_counted_flags conversations_db conversations_expire_after
    conversations_expire_days conversations_keep_existing conversations_max_guidexists
    conversations_max_guidinfolder conversations_max_guidrecords conversations_max_thread
    createonpost crossdomains crossdomains_onlyother cyrus_group cyrus_user cyrusdb_autoconvert
    dav_lock_timeout dav_realm davdriveprefix davnotificationsprefix debug debug_command
    debug_log_sync_partition_choice debug_slowio debug_writefail_guid defaultacl defaultdomain
    defaultpartition defaultsearchtier defaultserver delete_mode delete_unsubscribe deletedprefix
    deleteright disable_shared_namespace disable_user_namespace disconnect_on_vanished_mailbox
    duplicate_db duplicate_db_path duplicatesuppression event_content_inclusion_mode
    event_content_size event_exclude_flags event_exclude_specialuse event_extra_params event_groups
    event_notifier expire_by_savedate expire_keep_flagged expunge_mode failedloginpause
    fastmailsharing fatals_abort flushseenstate foolstupidclients force_sasl_client_mech
    fulldirhash generate_compiled_sieve_script global_lock hashimapspool hostname_mechs
    hostname_password http_h2_altsvc http_jwt_key_dir http_jwt_max_age httpallowcompress
    httpallowcors httpallowedurls httpallowtrace httpcontentmd5 httpdocroot httpkeepalive
    httplogheaders httpmodules httpprettytelemetry httppts_uri httptimeout icalendar_max_size
    idlesocket ignorereference imap_inprogress_interval imapidlepoll imapidletimeout imapidresponse
    imapmagicplus imipnotifier implicit_owner_rights improved_mboxlist_sort internaldate_heuristic
    iolog ischedule_dkim_domain ischedule_dkim_key_file ischedule_dkim_required
    ischedule_dkim_selector jmap_emailsearch_db_path jmap_imagesize_annot jmap_inlinedcids_annot
    jmap_mail_max_size_attachments_per_email jmap_max_calendareventnotifs jmap_max_calls_in_request
    jmap_max_catenate_items jmap_max_concurrent_requests jmap_max_concurrent_upload
    jmap_max_delayed_send jmap_max_objects_in_get jmap_max_objects_in_set jmap_max_size_blob_set
    jmap_max_size_request jmap_max_size_upload jmap_nonstandard_extensions jmap_preview_annot
    jmap_preview_length jmap_pushpoll jmap_querycache_max_age jmap_set_has_attachment jmap_vacation
    jmapaccess_url jmapnotificationfolder jmappushsubscriptionfolder jmapsubmission_deleteonsend
    jmapsubmissionfolder jmapuploadfolder ldap_authz ldap_base ldap_bind_dn ldap_ca_dir
    ldap_ca_file ldap_ciphers ldap_client_cert ldap_client_key ldap_deref ldap_domain_base_dn
    ldap_domain_filter ldap_domain_name_attribute ldap_domain_result_attribute ldap_domain_scope
    ldap_filter ldap_group_base ldap_group_filter ldap_group_scope ldap_groupmember_attribute
    ldap_id ldap_mech ldap_member_attribute ldap_member_base ldap_member_filter ldap_member_method
    ldap_member_scope ldap_password ldap_realm ldap_referrals ldap_restart ldap_sasl
    ldap_sasl_authc ldap_sasl_authz ldap_sasl_mech ldap_sasl_password ldap_sasl_realm ldap_scope
    ldap_servers ldap_size_limit ldap_start_tls ldap_time_limit ldap_timeout ldap_tls_cacert_dir
    ldap_tls_cacert_file ldap_tls_cert ldap_tls_check_peer ldap_tls_ciphers ldap_tls_key ldap_uri
    ldap_user_attribute ldap_verify_peer ldap_version literalminus lmtp_catchall_mailbox
    lmtp_downcase_rcpt lmtp_exclude_specialuse lmtp_fuzzy_mailbox_match
    lmtp_over_quota_perm_failure lmtp_preparse lmtp_strict_quota lmtp_strict_rfc2821 lmtpsocket
    lmtptxn_timeout lock_debugtime loginrealms loginuseacl logtimestamps mailbox_default_options
    mailbox_initial_flags mailbox_legacy_dirs mailbox_maxmessages_addressbook
    mailbox_maxmessages_calendar mailbox_maxmessages_email mailnotifier master_bind_errors_fatal
    master_pid_file master_ready_file maxargssize maxheaderlines maxliteral maxlogins_per_host
    maxlogins_per_user maxmessagesize maxquoted maxword mboxkey_db mboxlist_db mboxlist_db_path
    mboxname_lockpath mboxname_userpath metapartition_files munge8bit mupdate_authname
    mupdate_config mupdate_connections_max mupdate_password mupdate_port mupdate_realm
    mupdate_retry_delay mupdate_server mupdate_username mupdate_workers_max
    mupdate_workers_maxspare mupdate_workers_minspare mupdate_workers_start netscapeurl
    newsaddheaders newsgroups newsmaster newspeer newspostuser newsprefix newsrc_db_path
    nntptimeout notesmailbox notify_external notifysocket object_storage_dummy_spool
    object_storage_enabled openio_account openio_autocreate openio_namespace openio_proxy_timeout
    openio_rawx_timeout openio_verbosity outbox_sendlater partition_select_exclude
    partition_select_mode partition_select_soft_usage_limit partition_select_usage_reinit
    plaintextloginalert plaintextloginpause popexpiretime popminpoll poppollpadding popsubfolders
    poptimeout popuseacl popuseimapflags postmaster postspec postuser proc_path prometheus_enabled
    prometheus_master_update_freq prometheus_need_auth prometheus_service_update_freq
    prometheus_stats_dir prometheus_update_freq prometheus_usage_update_freq proxy_authname
    proxy_compress proxy_password proxy_realm proxyd_allow_status_referral
    proxyd_disable_mailbox_referrals proxyservers ptloader_sock pts_module ptscache_db
    ptscache_db_path ptscache_timeout ptskrb5_convert524 ptskrb5_strip_default_realm qosmarking
    quota_db quota_db_path quota_use_conversations quotawarn quotawarnkb quotawarnmsg
    quotawarnpercent quotawarnsize readonly reject8bit replicaonly restore_authname
    restore_password restore_realm reverseacls reverseuniqueids rfc2046_strict rfc2047_utf8
    rfc3028_strict rss_feedlist_template rss_feeds rss_maxage rss_maxitems rss_maxsynopsis
    rss_realm sasl_auto_transition sasl_maximum_layer sasl_minimum_layer sasl_option
    sasl_pwcheck_method search_attachment_extractor_idle_timeout
    search_attachment_extractor_request_timeout search_attachment_extractor_url search_batchsize
    search_engine search_fuzzy_always search_index_headers search_index_language search_index_parts
    search_index_skip_domains search_index_skip_users search_indexed_db search_maxsize
    search_maxtime search_normalisation_max search_query_language search_queryscan
    search_skipdiacrit search_skiphtml search_snippet_length search_stopword_path search_whitespace
    seenstate_db sendmail sendmail_auth_id serverinfo serverlist serverlist_select_mode
    serverlist_select_soft_usage_limit serverlist_select_usage_reinit servername sharedprefix
    sieve_allowreferrals sieve_duplicate_max_expiration sieve_extensions sieve_folder
    sieve_maxscripts sieve_maxscriptsize sieve_mdn_original_recipient_header sieve_mdn_private
    sieve_sasl_send_unsolicited_capability sieve_use_lmtp_reject sieve_utf8fileinto
    sieve_vacation_max_response sieve_vacation_min_response sievedir sievenotifier sieveusehomedir
    singleinstancestore skiplist_always_checkpoint skiplist_unsafe smtp_auth_authname
    smtp_auth_password smtp_auth_realm smtp_backend smtp_host soft_noauth sortcache_db
    specialuse_extra specialuse_nochildren specialuse_protect specialusealways sphinx_pidfile
    sphinx_socket sphinx_text_excludes_odd_headers sql_database sql_engine sql_hostnames sql_passwd
    sql_user sql_usessl srs_alwaysrewrite srs_domain srs_hashlength srs_secrets srs_separator
    srvtab statuscache statuscache_db statuscache_db_path submitservers subscription_db
    suppress_capabilities sync_authname sync_batchsize sync_cache_db sync_cache_db_path sync_host
    sync_log sync_log_chain sync_log_channels sync_log_unsuppressable_channels sync_password
    sync_port sync_realm sync_reconnect_maxwait sync_repeat_interval sync_rightnow_channel
    sync_shutdown_file sync_timeout sync_try_imap syslog_facility syslog_prefix tcp_keepalive
    tcp_keepalive_cnt tcp_keepalive_idle tcp_keepalive_intvl telemetry_bysessionid temp_path
    timeout tls_ca_file tls_ca_path tls_cert_file tls_cipher_list tls_ciphers tls_client_ca_dir
    tls_client_ca_file tls_client_cert tls_client_certs tls_client_key tls_crl_file tls_eccurve
    tls_key_file tls_prefer_server_ciphers tls_required tls_server_ca_dir tls_server_ca_file
    tls_server_cert tls_server_dhparam tls_server_key tls_session_timeout tls_sessions_db
    tls_sessions_db_path tls_versions tlscache_db tlscache_db_path uidbatches_max_messages
    uidbatches_min_batch uidl_format umask unix_group_enable unixhierarchysep userdeny_db
    userdeny_db_path username_tolower userprefix vcard_max_size virtdomains
    virusscan_notification_subject virusscan_notification_template webdav_attachments_baseurl
    webdav_attachments_max_binary_attach_size websocket_timeout xbackup_enabled xlist-flag
    zoneinfo_db zoneinfo_db_path zoneinfo_dir
  `
    .trim()
    .split(/\s+/),
);

/** Prefixes of options whose names the administrator chooses. */
export const NAMED_OPTIONS: readonly string[] = [
  'archivepartition-',
  'backuppartition-',
  'metapartition-',
  'partition-',
  'sasl_',
  'searchpartition-',
];
