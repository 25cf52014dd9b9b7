//! The Non-Agent API, function by function: VICIdial's lines (docs/NON-AGENT_API.txt).

use crate::scene::{Center, LEAD, MARY, NICK, scene};

const SUCCESS: &str = "SUCCESS: add_lead LEAD HAS BEEN ADDED - ";

async fn added(center: &Center, parameters: &[(&str, &str)]) -> String {
    let answer = center.ask("add_lead", parameters).await;
    let data = answer.strip_prefix(SUCCESS).unwrap_or_else(|| panic!("{answer}"));
    data.split('|').nth(3).unwrap().to_owned()
}

#[test]
fn version_needs_no_login_and_coffee_is_refused() {
    scene(|center| async move {
        let version = center.ask_as(&[("function", "version")]).await;
        let expected = "VERSION: 2.14-200|BUILD: 241004-1200|DATE: 2026-11-23 09:00:01|EPOCH: 1795442401|DST: 0|TZ: -5|\
                        TZNOW: -5|\n";
        assert_eq!(version, expected);
        assert_eq!(center.status_of("coffee").await, 418);
        assert_eq!(center.ask("nonsense", &[]).await, "ERROR: NO FUNCTION SPECIFIED\n");
    });
}

/// Ten wrong passwords lock the name out for a quarter of an hour; the right one doesn't help.
#[test]
fn a_wrong_password_is_echoed_and_ten_of_them_lock_out() {
    scene(|center| async move {
        let ask = async |pass: &str| {
            let who = [("source", "test"), ("user", "crm"), ("pass", pass), ("function", "lead_search")];
            center.ask_as(&who).await
        };
        for _ in 0..10 {
            assert_eq!(ask("guess").await, "ERROR: Login incorrect, please try again: |crm|guess|BAD|\n");
        }
        let locked = "ERROR: Too many login attempts, try again in 15 minutes: |crm|LOCK|\n";
        assert_eq!(ask("its secret").await, locked);
        center.pass(14 * 60).await;
        assert_eq!(ask("its secret").await, locked);
        center.pass(61).await;
        assert!(ask("its secret").await.starts_with("ERROR: lead_search NO VALID SEARCH METHOD"));
    });
}

#[test]
fn who_may_not_is_told_so() {
    scene(|center| async move {
        let as_alice = |function| [("source", "t"), ("user", "alice"), ("pass", "secret"), ("function", function)];
        let answer = center.ask_as(&as_alice("add_lead")).await;
        assert_eq!(answer, "ERROR: auth USER DOES NOT HAVE PERMISSION TO USE THIS FUNCTION - alice|add_lead|AGENTS\n");
        center.floor.configure(|settings| {
            let alice = settings.users.iter_mut().find(|user| user.user == "alice").unwrap();
            alice.api = true;
            alice.api_functions = vec!["add_lead".to_owned()];
        });
        let answer = center.ask_as(&as_alice("add_lead")).await;
        let expected = "ERROR: add_lead USER DOES NOT HAVE PERMISSION TO ADD LEADS TO THE SYSTEM - alice|0\n";
        assert_eq!(answer, expected, "her level is too low");
        assert!(center.ask_as(&as_alice("lead_search")).await.starts_with("ERROR: auth USER DOES NOT"));
        let no_source = [("user", "crm"), ("pass", "its secret"), ("function", "lead_search")];
        assert_eq!(center.ask_as(&no_source).await, "ERROR: Invalid Source: ||\n");
    });
}

#[test]
fn add_lead_says_what_it_has_added_or_why_not() {
    scene(|center| async move {
        let answer = center.ask("add_lead", &[("phone_number", "7275551111"), ("list_id", "101")]).await;
        assert_eq!(answer, format!("{SUCCESS}7275551111|crm|101|1003|-5\n"));
        let short = center.ask("add_lead", &[("phone_number", "72755")]).await;
        assert_eq!(short, "ERROR: add_lead INVALID PHONE NUMBER LENGTH - 72755|crm\n");

        let again = async |check: &'static str, list: &'static str| {
            let what = [("phone_number", "7275551111"), ("list_id", list), ("duplicate_check", check)];
            center.ask("add_lead", &what).await
        };
        let system = "ERROR: add_lead DUPLICATE PHONE NUMBER IN SYSTEM - 7275551111|999|1003|101\n";
        assert_eq!(again("DUPSYS", "999").await, system);
        assert_eq!(again("DUPSYS90DAY", "999").await, system);
        let in_list = "ERROR: add_lead DUPLICATE PHONE NUMBER IN LIST - 7275551111|101|1003\n";
        assert_eq!(again("DUPLIST", "101").await, in_list);
        let in_campaign = "ERROR: add_lead DUPLICATE PHONE NUMBER IN CAMPAIGN LISTS - 7275551111|101|1003|101\n";
        assert_eq!(again("DUPCAMP", "101").await, in_campaign);
        assert!(again("DUPLIST", "999").await.starts_with(SUCCESS), "another list");

        center.floor.do_not_call("7275552222").unwrap();
        let dnc = center.ask("add_lead", &[("phone_number", "7275552222"), ("dnc_check", "Y")]).await;
        assert_eq!(dnc, "ERROR: add_lead PHONE NUMBER IN DNC - 7275552222|crm\n");
    });
}

/// Checks can be several, with dashes between them; each kind has a line of its own.
#[test]
fn a_duplicate_is_told_by_what_it_was_found() {
    scene(|center| async move {
        let ann = [
            ("phone_number", "7275551111"),
            ("list_id", "101"),
            ("title", "Dr"),
            ("first_name", "Ann"),
            ("last_name", "Lee"),
            ("alt_phone", "7275550000"),
        ];
        assert!(center.ask("add_lead", &ann).await.starts_with(SUCCESS));
        let again = async |check: &'static str, phone: &'static str| {
            let mut what = ann.to_vec();
            what[0].1 = phone;
            what.push(("duplicate_check", check));
            center.ask("add_lead", &what).await
        };
        let error = |what: &str| format!("ERROR: add_lead DUPLICATE {what}\n");
        assert_eq!(
            again("DUPPHONEALTLIST", "7275550000").await,
            error("PHONE NUMBER IN LIST - 7275550000|101|1003|ALT")
        );
        assert_eq!(
            again("DUPPHONEALTSYS", "7275551111").await,
            error("PHONE NUMBER IN SYSTEM - 7275551111|101|1003|101|PHONE")
        );
        assert_eq!(
            again("DUPTITLEALTPHONECAMP", "7275552222").await,
            error("TITLE ALT_PHONE IN CAMPAIGN LISTS - Dr|7275550000|101|1003|101")
        );
        assert_eq!(
            again("DUPNAMEPHONESYS30DAY", "7275551111").await,
            error("NAME PHONE IN SYSTEM - Ann|Lee|7275551111|101|1003|101")
        );
        assert_eq!(
            again("DUPNAMEPHONELIST-DUPTITLEALTPHONELIST", "7275553333").await,
            error("TITLE ALT_PHONE IN LIST - Dr|7275550000|101|1003"),
            "the second of two"
        );
        assert!(again("DUPSYS-DUPNAMEPHONESYS", "7275554444").await.starts_with(SUCCESS));
    });
}

/// What a client has the floor check before it takes a lead.
#[test]
fn lists_and_numbers_are_checked_if_that_is_asked() {
    scene(|center| async move {
        let ask = async |parameters: &'static [(&'static str, &'static str)]| center.ask("add_lead", parameters).await;
        let nowhere = ask(&[("phone_number", "7275551111"), ("list_id", "777"), ("list_exists_check", "Y")]).await;
        let why = "ERROR: add_lead NOT A DEFINED LIST ID, LIST EXISTS CHECK ENABLED - 7275551111|777\n";
        assert_eq!(nowhere, why);
        let known = ask(&[("phone_number", "7275551111"), ("list_id", "101"), ("list_exists_check", "Y")]).await;
        assert!(known.starts_with(SUCCESS), "{known}");
        let anywhere = ask(&[("phone_number", "7275551112"), ("list_id", "777")]).await;
        assert!(anywhere.starts_with(SUCCESS), "{anywhere}");
        let moved = [("lead_id", "1001"), ("list_id_field", "777"), ("list_exists_check", "Y")];
        let why = "ERROR: update_lead NOT A DEFINED LIST ID, LIST EXISTS CHECK ENABLED - crm|777\n";
        assert_eq!(center.ask("update_lead", &moved).await, why);

        let area = |line: &str| format!("ERROR: add_lead INVALID PHONE NUMBER {line}|crm\n");
        let prefix = ask(&[("phone_number", "7270551111"), ("usacan_prefix_check", "Y")]).await;
        assert_eq!(prefix, area("PREFIX - 7270551111"));
        let long = ask(&[("phone_number", "17275551111"), ("usacan_areacode_check", "Y")]).await;
        assert_eq!(long, area("AREACODE - 17275551111"));
        let first = ask(&[("phone_number", "1275551111"), ("usacan_areacode_check", "Y")]).await;
        assert_eq!(first, area("AREACODE - 1275551111"));
        let good = [("phone_number", "7275551113"), ("usacan_areacode_check", "Y"), ("usacan_prefix_check", "Y")];
        assert!(center.ask("add_lead", &good).await.starts_with(SUCCESS));
    });
}

/// NON-AGENT_API.txt, update_lead: into the hopper and out of it, with or without a change.
#[test]
fn a_lead_is_put_into_the_hopper_and_taken_out_and_told_where_it_was() {
    scene(|center| async move {
        let ask = async |parameters: &[(&'static str, &'static str)]| {
            let answer = center.ask("update_lead", &[&[("lead_id", "1001")], parameters].concat()).await;
            answer.lines().last().unwrap_or_default().replace("NOTICE: update_lead ", "")
        };
        assert_eq!(
            ask(&[("remove_from_hopper", "Y")]).await,
            format!("NOT REMOVED FROM HOPPER, LEAD IS NOT IN THE HOPPER - {MARY}|1001|crm")
        );
        let in_it = format!("ADDED TO HOPPER - {MARY}|crm|1001|1001");
        assert_eq!(ask(&[("no_update", "Y"), ("add_to_hopper", "Y"), ("hopper_priority", "99")]).await, in_it);
        assert_eq!(
            ask(&[("add_to_hopper", "Y")]).await,
            format!("NOT ADDED TO HOPPER, LEAD IS ALREADY IN THE HOPPER - {MARY}|1001|crm")
        );
        assert_eq!(ask(&[("remove_from_hopper", "Y")]).await, format!("REMOVED FROM HOPPER - {MARY}|1001|READY|crm"));
        assert_eq!(ask(&[("add_to_hopper", "Y")]).await, in_it, "it's out of it");
        center.floor.do_not_call(NICK).unwrap();
        let blocked = center.ask("update_lead", &[("lead_id", "1002"), ("add_to_hopper", "Y")]).await;
        let why = format!("NOTICE: update_lead NOT ADDED TO HOPPER - {NICK}|crm|1002|0");
        assert_eq!(blocked.lines().last(), Some(why.as_str()));
    });
}

/// A callback that can't be kept is told with the lead that was added all the same.
#[test]
fn a_callback_for_nobody_is_told_with_its_lead() {
    scene(|center| async move {
        let ask = async |function: &'static str, parameters: &[(&'static str, &'static str)]| {
            let what = [("callback", "Y"), ("callback_datetime", "NOW"), ("callback_type", "USERONLY")];
            let answer = center.ask(function, &[&what[..], parameters].concat()).await;
            answer.lines().last().unwrap_or_default().to_owned()
        };
        let new = [("phone_number", "7275551111"), ("campaign_id", "renewals"), ("callback_user", "nobody")];
        let why = "NOTICE: add_lead SCHEDULED CALLBACK NOT ADDED, USER NOT VALID - 1003|renewals|nobody|";
        assert_eq!(ask("add_lead", &new).await, why);
        let new = [("phone_number", "7275551112"), ("campaign_id", "XYZ"), ("callback_user", "alice")];
        let why = "NOTICE: add_lead SCHEDULED CALLBACK NOT ADDED, CAMPAIGN NOT VALID - 1004|XYZ";
        assert_eq!(ask("add_lead", &new).await, why);
        let old = [("lead_id", "1001"), ("campaign_id", "renewals"), ("callback_user", "nobody")];
        let why = "NOTICE: update_lead SCHEDULED CALLBACK NOT ADDED, USER NOT VALID - 1001|renewals|nobody|";
        assert_eq!(ask("update_lead", &old).await, why);
    });
}

/// search_location: in the same list, in the campaign's lists, anywhere.
#[test]
fn a_lead_is_looked_for_where_it_is_asked_for() {
    scene(|center| async move {
        center.floor.change_campaign("renewals", |campaign| campaign.lists.push(102)).unwrap();
        let finds = async |place: &'static str, list: &'static str| {
            let by = [("search_method", "PHONE_NUMBER"), ("phone_number", MARY), ("no_update", "Y")];
            let place = [("search_location", place), ("list_id", list)];
            center.ask("update_lead", &[&by[..], &place].concat()).await.starts_with("NOTICE: update_lead LEADS FOUND")
        };
        assert_eq!((finds("LIST", "101").await, finds("LIST", "102").await), (true, false));
        assert_eq!((finds("CAMPAIGN", "102").await, finds("CAMPAIGN", "999").await), (true, false));
        assert!(finds("SYSTEM", "999").await);
    });
}

/// A retried add_lead makes two leads in the vicidial profile, one in the modern one.
#[test]
fn an_add_lead_that_is_repeated_makes_a_second_lead() {
    use busyhour::floor::settings::Profile;
    for (profile, leads) in [(Profile::Vicidial, 2), (Profile::Modern, 1)] {
        crate::scene::play(profile, move |center| async move {
            let what = [("phone_number", "15557654321"), ("list_id", "101"), ("vendor_lead_code", "v1")];
            let first = center.ask("add_lead", &what).await;
            let second = center.ask("add_lead", &what).await;
            assert!(first.starts_with(SUCCESS) && second.starts_with(SUCCESS), "{first}{second}");
            assert_eq!(center.floor.leads_with_number("15557654321").len(), leads);
        });
    }
}

#[test]
fn add_lead_puts_into_the_hopper_and_schedules_callbacks() {
    scene(|center| async move {
        let what =
            [("phone_number", "7275551111"), ("list_id", "101"), ("add_to_hopper", "Y"), ("hopper_priority", "50")];
        let answer = center.ask("add_lead", &what).await;
        let lines: Vec<&str> = answer.lines().collect();
        assert_eq!(lines[1], "NOTICE: add_lead ADDED TO HOPPER - 7275551111|crm|1003|1003");
        let what = [
            ("phone_number", "7275553333"),
            ("list_id", "101"),
            ("campaign_id", "renewals"),
            ("callback", "Y"),
            ("callback_datetime", "2026-11-23 12:00:00"),
            ("callback_type", "USERONLY"),
            ("callback_user", "alice"),
        ];
        let answer = center.ask("add_lead", &what).await;
        let expected =
            "NOTICE: add_lead SCHEDULED CALLBACK ADDED - 1004|2026-11-23 12:00:00|renewals|alice|USERONLY|CALLBK";
        assert_eq!(answer.lines().nth(1), Some(expected));
        let answer = center.ask("lead_callback_info", &[("lead_id", "1004")]).await;
        let start = "1004|CURRENT|USERONLY|ACTIVE|CALLBK|2026-11-23 12:00:00|2026-11-23 09:00:0";
        assert!(answer.starts_with(start), "{answer}");
        let none = center.ask("lead_callback_info", &[("lead_id", "1001")]).await;
        assert_eq!(none, "ERROR: lead_callback_info CALLBACK NOT FOUND - crm|1001|\n");
        let priority = [("phone_number", "7275551112"), ("add_to_hopper", "Y"), ("hopper_priority", "100")];
        let answer = center.ask("add_lead", &priority).await;
        assert_eq!(answer, "ERROR: add_lead INVALID HOPPER PRIORITY - 100|crm\n");
    });
}

#[test]
fn update_lead_changes_what_it_finds() {
    scene(|center| async move {
        let answer = center.ask("update_lead", &[("lead_id", "1001"), ("last_name", "SMITH")]).await;
        assert_eq!(answer, "SUCCESS: update_lead LEAD HAS BEEN UPDATED - crm|1001\n");
        let name = [("lead_id", "1001"), ("field_name", "last_name")];
        assert_eq!(center.ask("lead_field_info", &name).await, "SMITH\n");
        center.ask("update_lead", &[("lead_id", "1001"), ("last_name", "--BLANK--")]).await;
        assert_eq!(center.ask("lead_field_info", &name).await, "\n");

        let by_phone = [("search_method", "PHONE_NUMBER"), ("phone_number", MARY), ("status", "SALE")];
        let answer = center.ask("update_lead", &by_phone).await;
        assert_eq!(answer, "SUCCESS: update_lead LEAD HAS BEEN UPDATED - crm|1001\n");
        assert_eq!(center.status(LEAD), "SALE");

        let nobody = center.ask("update_lead", &[("lead_id", "7"), ("last_name", "X")]).await;
        assert_eq!(nobody, "ERROR: update_lead NO MATCHES FOUND IN THE SYSTEM - crm|7||\n");
        let method = center.ask("update_lead", &[("search_method", "STARS"), ("last_name", "X")]).await;
        assert_eq!(method, "ERROR: update_lead NO VALID SEARCH METHOD - crm|SYSTEM|||\n");

        let insert = [
            ("search_method", "PHONE_NUMBER"),
            ("phone_number", "7275551212"),
            ("phone_code", "1"),
            ("list_id", "101"),
            ("insert_if_not_found", "Y"),
        ];
        let answer = center.ask("update_lead", &insert).await;
        let expected = "NOTICE: update_lead NO MATCHES FOUND IN THE SYSTEM - crm|||7275551212\n\
                        SUCCESS: update_lead LEAD HAS BEEN ADDED - 7275551212|crm|101|1003|-5\n";
        assert_eq!(answer, expected);
        let gone = center.ask("update_lead", &[("lead_id", "1003"), ("delete_lead", "Y")]).await;
        assert_eq!(gone, "SUCCESS: update_lead LEAD HAS BEEN DELETED - 7275551212|crm|101|1003|-5\n");
        assert!(center.floor.leads_with_number("7275551212").is_empty());
    });
}

#[test]
fn leads_are_found_and_read() {
    scene(|center| async move {
        let second = added(&center, &[("phone_number", MARY), ("first_name", "Mary"), ("list_id", "101")]).await;
        let answer = center.ask("lead_search", &[("phone_number", "15551230001,4075551212"), ("header", "YES")]).await;
        let expected = format!("search_key|records_found|lead_ids\n{MARY}|2|{second}-1001\n4075551212|0|\n");
        assert_eq!(answer, expected);
        let nobody = center.ask("lead_search", &[("phone_number", "4075551212")]).await;
        assert_eq!(nobody, "ERROR: lead_search NO MATCHES FOUND IN THE SYSTEM - crm|4075551212||\n");

        let answer = center.ask("lead_all_info", &[("lead_id", &second)]).await;
        let known: Vec<&str> = answer.trim_end().split('|').collect();
        assert_eq!(known.len(), 32, "{answer}");
        assert_eq!((known[0], known[4], known[7], known[9], known[31]), ("NEW", "101", MARY, "Mary", second.as_str()));
        let none = center.ask("lead_all_info", &[("lead_id", "7")]).await;
        assert_eq!(none, "ERROR: lead_all_info LEAD NOT FOUND - crm|7||\n");
        let field = center.ask("lead_field_info", &[("lead_id", "1001"), ("field_name", "shoe_size")]).await;
        assert_eq!(field, "ERROR: lead_field_info LEAD FIELD NOT FOUND - crm|1001|shoe_size\n");
    });
}

#[test]
fn agents_are_seen_as_they_stand() {
    scene(|center| async move {
        let unknown = center.ask("agent_status", &[("agent_user", "nobody")]).await;
        assert_eq!(unknown, "ERROR: agent_status AGENT NOT FOUND - crm|nobody|\n");
        let out = center.ask("agent_status", &[("agent_user", "alice")]).await;
        assert_eq!(out, "ERROR: agent_status AGENT NOT LOGGED IN - crm|alice|\n");
        assert_eq!(center.ask("logged_in_agents", &[]).await, "ERROR: logged_in_agents NO LOGGED IN AGENTS\n");

        let alice = center.talking("alice").await;
        let status = center.floor.agent("alice").unwrap();
        let (call, room) = (status.call.unwrap().0, status.session_id);
        let answer = center.ask("agent_status", &[("agent_user", "alice"), ("stage", "csv")]).await;
        assert_eq!(answer, format!("INCALL,{call},1001,renewals,1,alice,AGENTS,1,,,{MARY},,{room}\n"));
        let answer = center.ask("logged_in_agents", &[]).await;
        assert_eq!(answer, format!("alice|renewals|{room}|INCALL|1001|{call}|1|alice|AGENTS|1\n"));
        let answer = center.ask("user_group_status", &[("user_groups", "AGENTS")]).await;
        assert_eq!(answer, "AGENTS|0|1|1|0|0|0|0|0\n");

        alice.saves("SALE");
        center.pass(2).await;
        let answer = center.ask("call_status_stats", &[("campaigns", "---ALL---")]).await;
        assert!(answer.starts_with("renewals|1|1|00-0,01-0,02-0,") && answer.contains(",09-1,10-0"), "{answer}");
        assert!(answer.ends_with("|SALE-1|\n"), "{answer}");
        let answer = center.ask("call_dispo_report", &[("campaigns", "renewals"), ("status_breakdown", "1")]).await;
        assert_eq!(answer, "CAMPAIGN,TOTAL CALLS,SALE\nrenewals,1,1\nTOTAL,1,1\n");
        let report = async |more: &[(&'static str, &'static str)]| {
            let what = [("campaigns", "renewals"), ("status_breakdown", "1")];
            center.ask("call_dispo_report", &[&what[..], more].concat()).await
        };
        let none = "CAMPAIGN,TOTAL CALLS\nrenewals,0\nTOTAL,0\n";
        assert_eq!(report(&[("query_date", "2026-11-24")]).await, none, "tomorrow");
        assert_eq!(report(&[("query_date", "2026-11-01"), ("end_date", "2026-11-22")]).await, none, "before today");
        let today = report(&[("query_date", "2026-11-01"), ("statuses", "SALE-NI"), ("show_percentages", "1")]).await;
        assert_eq!(today, "CAMPAIGN,TOTAL CALLS,SALE\nrenewals,1,1 (100.0%)\nTOTAL,1,1 (100.0%)\n");
        assert_eq!(report(&[("statuses", "NI")]).await, none);
        assert_eq!(report(&[("users", "bob")]).await, none);
        let answer = center.ask("campaigns_list", &[]).await;
        assert!(answer.starts_with("renewals|renewals|Y|---ALL---|RATIO|1|DOWN| NEW -|60|"), "{answer}");
        let answer = center.ask("call_status_stats", &[("campaigns", "nothing")]).await;
        assert_eq!(answer, "ERROR: call_status_stats INVALID OR MISSING CAMPAIGNS\n");
    });
}

#[test]
fn users_are_added_and_supervisors_called_into_sessions() {
    scene(|center| async move {
        let who = [
            ("agent_user", "1000"),
            ("agent_pass", "9999"),
            ("agent_user_level", "1"),
            ("agent_full_name", "Testing Person"),
            ("agent_user_group", "AGENTS"),
        ];
        let answer = center.ask("add_user", &who).await;
        assert_eq!(answer, "SUCCESS: add_user USER HAS BEEN ADDED - crm|1000|9999|1|Testing Person|AGENTS\n");
        assert_eq!(center.ask("add_user", &who).await, "ERROR: add_user USER ALREADY EXISTS - crm|1000\n");
        let answer = center.ask("add_user", &who[..2]).await;
        assert_eq!(answer, "ERROR: add_user YOU MUST USE ALL REQUIRED FIELDS - crm|1000|9999|||\n");

        let alice = center.talking("alice").await;
        let sam = center.agent("sam", 5).await;
        let room = center.floor.session_of("alice").unwrap().0.to_string();
        let answer = center.ask("blind_monitor", &[("phone_login", "sam"), ("session_id", &room)]).await;
        assert_eq!(answer, format!("SUCCESS: blind_monitor HAS BEEN LAUNCHED - sam||{room}\n"));
        center.pass(4).await;
        assert_eq!(center.heard(&[&sam.host, &alice.host]).await, [vec![1, 3], vec![3]]);
        let answer = center.ask("blind_monitor", &[("phone_login", "sam"), ("session_id", "1")]).await;
        assert_eq!(answer, "ERROR: blind_monitor INVALID SESSION ID - 1\n");
    });
}
